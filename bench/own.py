"""The cost of answers of an operator's Python: one that never waits, and a PydanticAI agent."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.costs import MICRO
from bench.delays import added_to_the_first
from bench.jobs import Load
from bench.report import Row
from bench.runs import Run
from bench.site import Site

# The longest answer by default is 200,000 characters.
_FAST = Load(streams=20, tokens=20_000, spread=2)
# As many answers per second as where the model's own first tokens are measured.
_FIRST = Load(streams=300, tokens=250, spread=30, at_random=True)
_AGENT_STREAMS = 40


def own(site: Site) -> list[Row]:
    return [*_fast(site), *_agent(site)]


def _fast(site: Site) -> list[Row]:
    load = Load(streams=5, tokens=15_000, spread=0.5) if site.quick else _FAST
    first = replace(_FIRST, streams=60, spread=6) if site.quick else _FIRST
    began = Path(site.folder) / "began"
    settings = {"RESPONDER": "bench.fast:answer", "BENCH_BEGAN": str(began)}
    with serving(site, "fast", settings, models=False) as fast:
        fast.run(Load(streams=2, tokens=50, spread=0.1))
        run = fast.run(load)
        began.unlink()
        shown = fast.run(first).shown
    site.used += fast.used[1:]
    lines = (line.split() for line in began.read_text().splitlines())
    yielded = {int(seed): float(moment) for seed, moment in lines}
    added = [one.arrivals[0][0] - yielded[number] for number, one in enumerate(shown)]
    rate = load.all_tokens / run.seconds
    return [
        Row.of(
            "tokens/s of a responder that never waits, one process",
            f"{rate:,.0f} at {load.streams} streams",
            ("≥ 40,000", rate >= 40_000),
            tokens_per_second=rate,
            microseconds=run.cost_per_token * MICRO,
        ),
        Row.of(
            "… CPU per token, with the answers",
            f"{run.cost_per_token * MICRO:.1f} µs",
            microseconds=run.cost_per_token * MICRO,
        ),
        added_to_the_first(
            f"added time to the first token of a responder that never waits, "
            f"{first.streams / first.spread:.0f} answers a second",
            added,
        ),
    ]


def _agent(site: Site) -> list[Row]:
    load = Load(streams=_AGENT_STREAMS, tokens=100 if site.quick else 500)
    plain = site.run(load)
    alone = site.floor(load, "agent")
    with serving(site, "agent", {"RESPONDER": "bench.pydantic_agent:agent"}) as agents:
        agents.run(Load(streams=2, tokens=50, spread=0.1))
        through = agents.run(load)
    site.used += agents.used[1:]
    paces = [plain.pace, alone.pace, through.pace]
    cost = through.cost_per_token * MICRO
    ours = (through.cost_per_token - alone.cost_per_token) * MICRO
    return [
        Row.of(
            f"CPU per token through PydanticAI, {load.streams} streams",
            f"{cost:.0f} µs",
            paces=paces,
            microseconds=cost,
        ),
        Row.of(
            "… of it, PydanticAI alone with its events thrown away",
            f"{alone.cost_per_token * MICRO:.0f} µs",
            paces=paces,
            microseconds=alone.cost_per_token * MICRO,
        ),
        Row.of("… of it, ours beyond that", f"{ours:.0f} µs", paces=paces, microseconds=ours),
        _beside(plain),
    ]


def _beside(plain: Run) -> Row:
    cost = plain.cost_per_token * MICRO
    figure = f"CPU per token of the model's own responder, {plain.load.streams} streams"
    return Row.of(figure, f"{cost:.1f} µs", paces=[plain.pace], microseconds=cost)


def serving(
    site: Site,
    name: str,
    settings: Mapping[str, str],
    *,
    models: bool = True,
    model_of: Site | None = None,
) -> Site:
    """Separate parts, with a server of those settings."""
    folder = Path(site.folder) / name
    folder.mkdir()
    return Site(folder, site.quick, settings, models=models, model_of=model_of)
