"""What this adds to the time that the model takes."""

import asyncio
import statistics
import time

import aiohttp
import msgspec

from bench.browser import Browser, Data
from bench.jobs import Load
from bench.report import Row
from bench.runs import Run
from bench.site import Site

COALESCE_SECONDS = 0.04


class _Session(msgspec.Struct):
    conversation: str
    channel: str
    since: dict[str, int | str]


def delays(site: Site) -> list[Row]:
    """From the model's writing of a token to the client's callback with it."""
    alone = Load(
        streams=10 if site.quick else 30,
        tokens=5,
        rate=50,
        spread=5 if site.quick else 15,
        after=0.2,
    )
    many = Load(
        streams=50 if site.quick else 200,
        tokens=50 if site.quick else 250,
        spread=1 if site.quick else 20,
        after=0.2,
    )
    rows: list[Row] = []
    later: list[float] = []
    for load, what, most in ((alone, "1 stream", (5, None)), (many, "50 streams", (10, 30))):
        first, later = _delays(site, site.ours(load))
        p50, p99 = _percentiles(first)
        target = f"p50 ≤ {most[0]} ms" + (f", p99 ≤ {most[1]} ms" if most[1] else "")
        met = p50 <= most[0] and (most[1] is None or p99 <= most[1])
        rows.append(
            Row.of(
                f"added time to the first token, {what}",
                f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
                (target, met),
                p50=p50,
                p99=p99,
            )
        )
    p50, p99 = _percentiles(later)
    bound = COALESCE_SECONDS * 1e3 + 5
    rows.append(
        Row.of(
            "delay of later tokens, 50 streams",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
            (f"p50 ≤ {bound:.0f} ms, p99 ≤ 100 ms", p50 <= bound and p99 <= 100),
            p50=p50,
            p99=p99,
        )
    )
    return rows


def _delays(site: Site, run: Run) -> tuple[list[float], list[float]]:
    """In milliseconds: of each answer's first token, and of each later one."""
    first: list[float] = []
    later: list[float] = []
    for number, times in enumerate(site.token_times(run.load)):
        arrivals = iter(run.shown[number].arrivals)
        at, length = next(arrivals)
        end = 0
        for i, (token, written) in enumerate(zip(run.load.tokens_of(number), times, strict=True)):
            end += len(token)
            while length < end:
                at, length = next(arrivals)
            (later if i else first).append((at - written) * 1e3)
    return first, later


def _percentiles(values: list[float]) -> tuple[float, float]:
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    return hundredths[49], hundredths[98]


def calls(site: Site) -> list[Row]:
    """An `ai:send` into a conversation that exists, beside a call that does nothing."""
    sends, echoes = asyncio.run(_calls(site.deployment.url, 50 if site.quick else 300))
    send, echo = statistics.median(sends) * 1e3, statistics.median(echoes) * 1e3
    return [
        Row.of(
            "reply of ai:send, p50",
            f"{send:.1f} ms: {send / echo:.1f} × an echo of {echo:.2f} ms",
            ("≤ 4 ×", send <= 4 * echo),
            send=send,
            echo=echo,
        )
    ]


async def _calls(url: str, count: int) -> tuple[list[float], list[float]]:
    sends, echoes = [], []
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        browser = Browser()
        await browser.connect(session, url, tasks)
        first = await browser.rpc("ai:send", text="/tokens 1")
        opened = msgspec.json.decode(first, type=_Session)
        ended = asyncio.Event()

        def received(data: Data, _: float) -> None:
            if any(chunk.type == "finish" for chunk in data.chunks):
                ended.set()

        browser.received = received
        where = {"channel": opened.channel, "recover": True, **opened.since}
        await browser.command("subscribe", where)
        for _ in range(count):
            await ended.wait()
            # what still goes on after an answer's end is not part of the next call
            await asyncio.sleep(0.02)
            echoes.append(await _timed(browser, "echo"))
            await asyncio.sleep(0.005)
            ended.clear()
            sends.append(await _timed(browser, "ai:send", opened.conversation))
        await browser.close()
    return sends, echoes


async def _timed(browser: Browser, method: str, conversation: str = "") -> float:
    began = time.monotonic()
    await browser.rpc(method, text="/tokens 1", conversation=conversation)
    return time.monotonic() - began
