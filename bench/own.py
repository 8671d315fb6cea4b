"""What answers of somebody's own Python cost: one that never waits, and an agent of PydanticAI."""

from pathlib import Path

from bench.costs import MICRO
from bench.jobs import Load
from bench.report import Row
from bench.runs import Run
from bench.site import Site

# The longest that an answer may be is 200,000 characters with the usual settings.
_FAST = Load(streams=20, tokens=20_000, spread=2)
_AGENT_STREAMS = 40


def own(site: Site) -> list[Row]:
    return [*_fast(site), *_agent(site)]


def _fast(site: Site) -> list[Row]:
    load = Load(streams=5, tokens=15_000, spread=0.5) if site.quick else _FAST
    with _serving(site, "fast", "bench.fast:answer", models=False) as fast:
        fast.run(Load(streams=2, tokens=50, spread=0.1))
        run = fast.run(load)
    site.used += fast.used[1:]
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
    ]


def _agent(site: Site) -> list[Row]:
    load = Load(streams=_AGENT_STREAMS, tokens=100 if site.quick else 500)
    plain = site.run(load)
    alone = site.floor(load, "agent")
    with _serving(site, "agent", "bench.pydantic_agent:agent", models=True) as agents:
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


def _serving(site: Site, name: str, place: str, *, models: bool) -> Site:
    """Parts of its own, with a server whose answers are made there."""
    folder = Path(site.folder) / name
    folder.mkdir()
    return Site(folder, site.quick, {"RESPONDER": place}, models=models)
