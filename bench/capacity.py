"""How much one process delivers, and how much the peers do."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from bench.costs import long_load
from bench.jobs import Load
from bench.load_process import LoadFailedError
from bench.report import Row
from bench.runs import Run, percentiles
from bench.site import Site

# prompts cost more than tokens: limit how many come at once
_PROMPTS_PER_SECOND = 150
# for slow peers: the cost of the request is a hundredth of that of these tokens
_FEW_TOKENS = 200


def capacity(site: Site) -> list[Row]:
    """Tokens per second that one process delivers exactly; raises streams until it falls behind."""
    streams, count = ((400, 800), 250) if site.quick else ((400, 600, 800, 1000, 1200), 750)
    best = saturated(site.run, streams, count).best
    with site.peer("sse", site.model_url) as peer:
        site.run(Load(streams=10, tokens=20, spread=0.1), "sse", peer)
        run = partial(site.run, way="sse", peer=peer)
        few, short = ((40, 80), 250) if site.quick else ((40, 80, 120, 160, 200), 375)
        sse = saturated(run, few, short).best
    with site.peer("per_token", site.model_url, site.api_url) as peer:
        site.run(Load(streams=2, tokens=5, spread=0.1), "channel", peer)
        each = site.run(Load(streams=20, tokens=_FEW_TOKENS, spread=0.5), "channel", peer)
    with site.peer("naive", site.model_url, site.api_url) as peer:
        naive = site.run(Load(streams=2, tokens=_FEW_TOKENS, spread=0.1), "channel", peer)
    return [
        Row.of(
            "tokens/s delivered exactly, one process",
            f"{best.rate:,.0f} at {best.load.streams} streams{_behind(best)}",
            ("≥ 10,000", best.rate >= 10_000),
            paces=[best.pace],
            tokens_per_second=best.rate,
            streams=best.load.streams,
        ),
        Row("… of a core meanwhile", cores_of(best), values=best.cores),
        _delay("… delay of tokens meanwhile", best),
        Row.of(
            "… tokens per CPU second of the process",
            f"{1 / best.cost_per_token:,.0f}",
            tokens_per_cpu_second=1 / best.cost_per_token,
        ),
        _against("… against SSE", best, sse, 5),
        _delay("… delay of tokens with SSE meanwhile", sse),
        _against("… against per-token", best, each, None),
        _against("… against naive", best, naive, 300),
        _publications(site),
    ]


@dataclass
class Saturation:
    """The run with the highest rate; and the number of streams at which prompts failed, if any."""

    best: Run
    failed_at: int | None = None


def saturated(
    run: Callable[[Load], Run],
    streams: Iterable[int],
    tokens: int,
    prompts_per_second: float = _PROMPTS_PER_SECOND,
) -> Saturation:
    """Raises streams until it or the model falls behind, or a prompt fails."""
    found: Saturation | None = None
    for count in streams:
        load = Load(streams=count, tokens=tokens, spread=max(2.0, count / prompts_per_second))
        try:
            last = run(load)
        except LoadFailedError:
            if found is None:
                raise
            found.failed_at = count
            # answers that have begun would run beside the next measurement
            time.sleep(load.tokens / load.rate)
            break
        if found is None or (last.pace.steady and last.rate > found.best.rate):
            found = Saturation(last)
        if not (last.keeps_up and last.pace.steady):
            break
    assert found is not None
    return found


def cores_of(run: Run) -> str:
    """The share of a core that each process used while all streams ran."""
    return ", ".join(f"{name} {share:.0%}" for name, share in run.cores.items())


def _behind(run: Run) -> str:
    return "" if run.keeps_up else f" ({run.load.streams * run.load.rate:,.0f}/s asked)"


def _delay(figure: str, run: Run) -> Row:
    first, later = run.delays(*run.window)
    p50, p99 = percentiles(first + later)
    return Row.of(figure, f"p50 {p50 * 1e3:,.0f} ms, p99 {p99 * 1e3:,.0f} ms", p50=p50, p99=p99)


def _against(name: str, best: Run, peer: Run, wanted: float | None) -> Row:
    ratio, cost = best.rate / peer.rate, peer.cost_per_token * 1e6
    return Row.of(
        name,
        f"{ratio:,.0f} × {peer.rate:,.0f}/s, {peer.load.streams} streams, {cost:,.0f} µs a token",
        (f"≥ {wanted:g} ×", ratio >= wanted) if wanted else None,
        paces=[best.pace],
        ratio=ratio,
        tokens_per_second=peer.rate,
    )


def _publications(site: Site) -> Row:
    count = long_load(site).tokens
    rates = {
        streams: site.ours(Load(streams=streams, tokens=count)).publications_per_second
        for streams in (1, 50, 200, 400)
    }
    return Row(
        "publications per second and stream",
        ", ".join(f"{rate:.1f} at {streams}" for streams, rate in rates.items()),
        "≤ 25, fewer under load",
        max(rates.values()) <= 25 and rates[400] < rates[50],
        {str(streams): rate for streams, rate in rates.items()},
    )
