"""Whatever fails after the commit of a turn, its answer is made."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from proxy_server.answers.generation import Generation
from proxy_server.chat import NewPrompt
from proxy_server.delivery.announcements import Announcements
from proxy_server.errors import StoreUnavailable
from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import Session
from proxy_server.protocol.turns import Accepted, Assignment, Turn
from proxy_server.store.generations import Leases
from proxy_server.store.turns import Turns
from tests.chat.asking import Chat, Serve, text

ACCEPT = Turns.accept


def broken(*_: object, **__: object) -> None:
    raise RecursionError("maximum recursion depth exceeded")


async def cut_off(self: Turns, turn: Turn) -> None:
    await ACCEPT(self, turn)
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("of", "method", "fails", "error"),
    [
        (Announcements, "joined", broken, RecursionError),
        (Announcements, "summary", broken, RecursionError),
        (Turns, "accept", cut_off, asyncio.CancelledError),
    ],
)
async def test_a_prompt_whose_call_fails_behind_the_commit_is_answered(
    serve: Serve,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
    of: type,
    method: str,
    fails: Callable[..., object],
    error: type[BaseException],
) -> None:
    async with serve() as app:
        with monkeypatch.context() as patch:
            patch.setattr(of, method, fails)
            with pytest.raises(error):
                await app.chat.send(user, NewPrompt([TextPart("Hi")], key="mine"))
        session = await app.chat.open(user, None, "mine", 50)
        message = await Chat(app, user, session).until("complete")
        assert text(message).startswith("Let me see.")


async def test_what_is_adopted_is_neither_crashed_nor_on_its_way_nor_taken_over(
    serve: Serve, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = Leases.unknown
    crashed: list[str] = []
    sending: list[asyncio.Task[Session]] = []
    done, committed, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def lost(self: Turns, turn: Turn) -> Accepted:
        await ACCEPT(self, turn)
        raise StoreUnavailable("the reply is lost")

    async def slow(self: Turns, turn: Turn) -> Accepted:
        accepted = await ACCEPT(self, turn)
        committed.set()
        await answered.wait()
        return accepted

    async def crash(self: Generation, *_: object, **__: object) -> None:
        crashed.append(self.assignment.message_id)
        done.set()
        raise RuntimeError("a defect of ours")

    async def later(self: Leases, known: Sequence[str]) -> list[Assignment]:
        # requested before that turn was admitted, and read once it is stored
        if not sending:
            monkeypatch.setattr(Turns, "accept", slow)
            prompt = NewPrompt([TextPart("Hi")])
            sending.append(asyncio.create_task(app.chat.send(user, prompt)))
            await committed.wait()
        return await unknown(self, known)

    async with serve() as app:
        with monkeypatch.context() as patch:
            patch.setattr(Generation, "run", crash)
            await app.chat.send(user, NewPrompt([TextPart("Hi")]))
            await done.wait()
        monkeypatch.setattr(Leases, "unknown", later)
        monkeypatch.setattr(Turns, "accept", lost)
        with capture_logs() as logs:
            with pytest.raises(StoreUnavailable):
                await app.chat.send(user, NewPrompt([TextPart("Hi")], key="lost"))
            found = await app.chat.open(user, None, "lost", 50)
            await Chat(app, user, found).until("complete")
            answered.set()
            await Chat(app, user, await sending[0]).until("complete")
    adopted = [line["message"] for line in logs if line["event"] == "adopted"]
    assert adopted == [found.messages[-1].id]
    assert len(crashed) == 1
