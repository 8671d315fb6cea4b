"""What this adds to the model's time."""

import asyncio
import statistics
import time

import aiohttp
import msgspec

from bench.browser import Browser, Data
from bench.jobs import Load
from bench.report import Row
from bench.runs import Run, percentiles
from bench.site import Site
from proxy_server.settings import Settings


class _Session(msgspec.Struct):
    conversation: str
    channel: str
    since: dict[str, int | str]


def delays(site: Site) -> list[Row]:
    """From the model's writing of a token to the client's callback with it."""
    alone = Load(
        streams=10 if site.quick else 30,
        tokens=5,
        spread=5 if site.quick else 15,
        after=0.2,
    )
    # an answer takes a sixth of the spread, so 50 of them run at once
    many = Load(
        streams=300,
        tokens=50 if site.quick else 250,
        spread=6 if site.quick else 30,
        after=0.2,
        at_random=True,
    )
    first_alone, _ = _while_steady(site.run(alone))
    first, later = _while_steady(site.run(many))
    bound = Settings.model_fields["coalesce_seconds"].default * 1e3 + 5
    return [
        _row("added time to the first token, 1 stream", first_alone, 5),
        added_to_the_first("added time to the first token, 50 streams", first),
        _row("delay of later tokens, 50 streams", later, bound, 100),
    ]


def _while_steady(run: Run) -> tuple[list[float], list[float]]:
    """The delays between the end of the first answer and the beginning of the last."""
    first_end = min(one.ended_at for one in run.shown)
    return run.delays(first_end, max(one.replied_at for one in run.shown) + run.load.after)


def added_to_the_first(figure: str, seconds: list[float]) -> Row:
    return _row(figure, seconds, 10, 30)


def _row(figure: str, seconds: list[float], half: float, most: float | None = None) -> Row:
    p50, p99 = (value * 1e3 for value in percentiles(seconds))
    target = f"p50 ≤ {half:g} ms" + (f", p99 ≤ {most:g} ms" if most else "")
    return Row.of(
        figure,
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(seconds):,}",
        (target, p50 <= half and (most is None or p99 <= most)),
        p50=p50,
        p99=p99,
    )


def calls(site: Site) -> list[Row]:
    """An `ai:send` into an existing conversation, compared with a call that does nothing."""
    with site.metered("ai:send and echo, one after another"):
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


def send_seconds(site: Site) -> list[float]:
    """How long the replies to `ai:send` took, one after another."""
    return asyncio.run(_calls(site.deployment.url, 50 if site.quick else 300))[0]


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
            # the work after an answer's end must not count for the next call
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
