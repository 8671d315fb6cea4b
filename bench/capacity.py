"""How much one process delivers, and how much the peers do."""

from bench.costs import long_load
from bench.jobs import Load
from bench.report import Row
from bench.runs import Run
from bench.site import Site

_ENOUGH = 0.95


def capacity(site: Site) -> list[Row]:
    """Tokens a second that one process delivers exactly, raising streams until it falls behind."""
    best, limit = _saturation(site)
    load = long_load(site)
    sse = site.sse(load)
    with site.peer("per_token", site.model_url, site.api_url) as peer:
        site.run(Load(streams=2, tokens=5, spread=0.1), "channel", peer)
        each = site.run(Load(streams=40, tokens=50, spread=0.5), "channel", peer)
    with site.peer("naive", site.model_url, site.api_url) as peer:
        naive = site.run(Load(streams=3, tokens=20, spread=0.1), "channel", peer)
    return [
        Row.of(
            "tokens/s delivered exactly, one process",
            f"{best.rate:,.0f} at {best.load.streams} streams ({limit})",
            ("≥ 10,000", best.rate >= 10_000),
            tokens_per_second=best.rate,
            streams=best.load.streams,
        ),
        Row.of(
            "tokens per CPU second, one process",
            f"{1 / best.cost_per_token:,.0f}",
            tokens_per_cpu_second=1 / best.cost_per_token,
        ),
        _against("… against SSE", best, sse, 5),
        _against("… against per-token", best, each, None),
        _against("… against naive", best, naive, 300),
        Row.of(
            "publications per second and stream",
            ", ".join(
                f"{site.ours(Load(streams=n, tokens=load.tokens)).publications_per_second:.1f}"
                f" at {n}"
                for n in (50, 200, 400)
            ),
            (
                "≤ 25, fewer under load",
                _publications(site, load.tokens),
            ),
        ),
    ]


def _against(name: str, best: Run, peer: Run, wanted: float | None) -> Row:
    ratio = best.rate / peer.rate
    said = f"{ratio:,.0f} × {peer.rate:,.0f}/s at {peer.load.streams} streams"
    cost = f"; {peer.cost_per_token * 1e6:,.0f} µs of CPU per token"
    target = (f"≥ {wanted:g} ×", ratio >= wanted) if wanted else None
    return Row.of(name, said + cost, target, ratio=ratio, tokens_per_second=peer.rate)


def _publications(site: Site, tokens: int) -> bool:
    few, _, many = (
        site.ours(Load(streams=n, tokens=tokens)).publications_per_second for n in (50, 200, 400)
    )
    return few <= 25 and many < few


def _saturation(site: Site) -> tuple[Run, str]:
    count = long_load(site).tokens
    best: Run | None = None
    for streams in (200, 400, 600, 800, 1000):
        # prompts cost more than tokens do: not too many of them at once
        load = Load(streams=streams, tokens=count, spread=max(2.0, streams / 120))
        run = site.ours(load)
        if best is not None and run.rate < best.rate:
            break
        best = run
        if run.rate < _ENOUGH * streams * load.rate:
            break
    assert best is not None
    seconds = max(one.ended_at for one in best.shown) - min(one.asked_at for one in best.shown)
    busy = ", ".join(f"{name} {used / seconds:.0%}" for name, used in best.cpu.items())
    return best, f"of a core: {busy}"
