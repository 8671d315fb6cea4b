"""The browser's cost of the AI SDK's chat over Centrifugo, beside its own transport over HTTP."""

import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.jobs import Load
from bench.report import Row, Used
from bench.runs import Pace, WrongTextError, written
from bench.site import Site
from testbed import machine
from testbed.process import Process, cpu_clock

Way = Literal["http", "centrifugo", "in step"]
_FRONTEND = Path(__file__).parent.parent / "frontend"
_RATE = 20
_FIRST = "added time to the first token by the AI SDK's transport"
_CPU = f"CPU of Chromium's renderer, {_RATE} tokens/s in useChat"
_ROUNDS = 3
_WARM = "/tokens 60 rate=100"
_SETTLED_SECONDS = 0.5
_TIMEOUT_MILLISECONDS = 120_000


def transport(site: Site) -> list[Row]:
    found = machine.chromium()
    if found is None:
        return [Row(name, "no result: Chromium is not on this machine") for name in (_FIRST, _CPU)]
    built = site.folder / "page"
    _build(built)
    with (
        site.peer("ui_messages", site.model_url, str(built)) as peer,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=found, args=["--no-sandbox"]) as browser,
    ):
        return [_first_tokens(site, peer, browser), *_cpu(site, peer, browser)]


def _build(into: Path) -> None:
    """Builds the page with all packages, as an app would be built."""
    command = [
        str(_FRONTEND / "node_modules" / ".bin" / "esbuild"),
        *("client/bench/page.ts", f"--outfile={into}/page.js", "--bundle", "--minify"),
        *("--format=esm", "--target=es2022", "--conditions=centrifugo-llm-source"),
        '--define:process.env.NODE_ENV="production"',
        "--log-level=warning",
    ]
    subprocess.run(command, cwd=_FRONTEND, check=True)


def _first_tokens(site: Site, peer: Process, browser: Browser) -> Row:
    with _page(site, peer, browser) as page:
        pairs: list[list[float]] = page.evaluate(f"firstTokens({20 if site.quick else 200})")
    bare, through = (statistics.median(times) for times in zip(*pairs, strict=True))
    added = statistics.median(one - other for other, one in pairs)
    return Row.of(
        _FIRST,
        f"p50 {added:.2f} ms: {through:.1f} beside {bare:.1f} of {len(pairs)} pairs",
        ("p50 ≤ 1 ms", added <= 1),
        p50=added,
        bare=bare,
        through=through,
    )


def _cpu(site: Site, peer: Process, browser: Browser) -> list[Row]:
    load = Load(streams=1, tokens=60 if site.quick else 500, rate=_RATE)
    session = browser.new_browser_cdp_session()
    runs: dict[Way, list[_Cost]] = {way: [] for way in get_args(Way)}
    for number in range(1 if site.quick else _ROUNDS):
        # each is first once, so that other load on the machine affects all of them
        for way in [*runs][number:] + [*runs][:number]:
            with _page(site, peer, browser) as page:
                runs[way].append(_answer(site, page, session, way, load))
    http = runs["http"]
    return [
        _row(f"{_CPU}, by HTTP", http, None),
        _row("… over Centrifugo", runs["centrifugo"], http, 1.3),
        _row("… over Centrifugo, all of Chromium", runs["centrifugo"], http, whole=True),
        _row("… in step with other tabs", runs["in step"], http),
    ]


@dataclass(frozen=True)
class _Cost:
    """CPU seconds of one answer: of the page's process, and of all Chromium processes."""

    load: Load
    renderer: float
    whole: float
    pace: Pace


def _row(
    figure: str,
    costs: list[_Cost],
    beside: list[_Cost] | None,
    most: float | None = None,
    *,
    whole: bool = False,
) -> Row:
    def seconds(one: _Cost) -> float:
        return one.whole if whole else one.renderer

    mean = statistics.mean(seconds(one) / one.load.all_tokens for one in costs) * 1e3
    paces = [one.pace for one in (*costs, *(beside or ()))]
    if beside is None:
        said, target, values = f"{mean:.2f} ms a token", None, {"milliseconds": mean}
    else:
        ratios = [seconds(one) / seconds(other) for one, other in zip(costs, beside, strict=True)]
        ratio = sum(map(seconds, costs)) / sum(map(seconds, beside))
        said = f"{ratio:.2f} × ({min(ratios):.2f} to {max(ratios):.2f}): {mean:.2f} ms a token"
        target = (f"≤ {most:g} ×", ratio <= most) if most else None
        values = {"milliseconds": mean, "ratio": ratio}
    return Row.of(figure, said, target, paces=paces, one_by_one=True, **values)


def _answer(site: Site, page: Page, session: CDPSession, way: Way, load: Load) -> _Cost:
    """The cost of one answer in a page that has shown a short one before."""
    page.evaluate("([way, prompt]) => answer(way, prompt)", [way, _WARM])
    # lets the page finish its start
    time.sleep(_SETTLED_SECONDS)
    before = _processes(session)
    shown = page.evaluate("([way, prompt]) => answer(way, prompt)", [way, load.prompt(0)])
    after = _processes(session)
    if shown != "".join(load.tokens_of(0)):
        raise WrongTextError(f"Chromium, {way}: the answer is not what the model sent")
    spent = {
        pid: (kind, seconds - before[pid][1])
        for pid, (kind, seconds) in after.items()
        if pid in before
    }
    renderer = sum(seconds for kind, seconds in spent.values() if kind == "renderer")
    whole = sum(seconds for _, seconds in spent.values())
    pace = Pace.of(load, written(site.deployment.model_port, load))
    cpu = {"renderer": renderer, "rest of Chromium": whole - renderer}
    name = f"{way} in Chromium: {load}"
    site.used.append(Used(name, ["renderer"], cpu, pace.kept, pace.writes))
    return _Cost(load, renderer, whole, pace)


def _processes(session: CDPSession) -> dict[int, tuple[str, float]]:
    """All Chromium processes: their types, and their CPU seconds so far."""
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return {one["id"]: (one["type"], time.clock_gettime(cpu_clock(one["id"]))) for one in processes}


@contextmanager
def _page(site: Site, peer: Process, browser: Browser) -> Iterator[Page]:
    """A visitor's only page."""
    with browser.new_context() as context:
        context.set_default_timeout(_TIMEOUT_MILLISECONDS)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{peer.port}/?centrifugo={quote(site.deployment.url)}")
        yield page
