"""The cost of a token by the other ways to an answer, each in turn with chat completions."""

import statistics

from bench.costs import MICRO
from bench.jobs import Load
from bench.own import serving
from bench.report import Row
from bench.site import Site

_TURNS = 3
_WARM_UP = Load(streams=10, tokens=20, spread=0.1)


def apis(site: Site) -> list[Row]:
    place = f"http://127.0.0.1:{site.deployment.model_port}/api/chat"
    return [
        *_beside(
            "CPU per token, Responses API",
            site,
            serving(site, "responses", {"OPENAI_API": "responses"}),
            1.15,
        ),
        *_beside(
            "CPU per token, a route of the AI SDK's",
            site,
            serving(site, "route", {"RESPONDER": place}, model_of=site),
        ),
    ]


def _beside(figure: str, site: Site, other: Site, most: float | None = None) -> list[Row]:
    """In turns, because the machine changes too: each ratio is from one turn."""
    load = Load(streams=100, tokens=100 if site.quick else 500)
    with other:
        other.run(_WARM_UP)
        turns = [(site.run(load), other.run(load)) for _ in range(1 if site.quick else _TURNS)]
    site.used += other.used[1:]
    cost = statistics.median(run.cost_per_token for _, run in turns)
    ratios = [run.cost_per_token / chat.cost_per_token for chat, run in turns]
    ratio = statistics.median(ratios)
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return [
        Row.of(
            f"{figure}, {load.streams} streams",
            f"{cost * MICRO:.1f} µs: {ratio:.2f} × chat completions{spread}",
            None if most is None else (f"≤ {most:g} ×", ratio <= most),
            paces=[run.pace for turn in turns for run in turn],
            one_by_one=True,
            microseconds=cost * MICRO,
            ratio=ratio,
        )
    ]
