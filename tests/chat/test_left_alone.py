"""Whatever fails behind the commit of a turn, its answer is made."""

import asyncio

import pytest

from proxy_server.chat import NewPrompt
from proxy_server.delivery.announcements import Announcements
from proxy_server.protocol.messages import TextPart
from proxy_server.store.turns import Turns
from tests.chat.asking import Chat, Serve, text


def broken(*_: object, **__: object) -> None:
    raise RecursionError("maximum recursion depth exceeded")


@pytest.mark.parametrize("announcement", ["joined", "summary"])
async def test_a_prompt_that_cannot_be_announced_is_answered(
    serve: Serve, user: str, monkeypatch: pytest.MonkeyPatch, announcement: str
) -> None:
    async with serve() as app:
        with monkeypatch.context() as patch:
            patch.setattr(Announcements, announcement, broken)
            with pytest.raises(RecursionError):
                await app.chat.send(user, NewPrompt([TextPart("Hi")], key="mine"))
        session = await app.chat.open(user, None, "mine", 50)
        message = await Chat(app, user, session).until("complete")
        assert text(message).startswith("Let me see.")


async def test_a_turn_whose_call_was_cut_off_behind_the_commit_is_answered(
    serve: Serve, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = Turns.accept

    async def cut_off(self: Turns, *given: object) -> object:
        await accept(self, *given)  # type: ignore[arg-type]
        raise asyncio.CancelledError

    async with serve() as app:
        with monkeypatch.context() as patch:
            patch.setattr(Turns, "accept", cut_off)
            with pytest.raises(asyncio.CancelledError):
                await app.chat.send(user, NewPrompt([TextPart("Hi")], key="mine"))
        session = await app.chat.open(user, None, "mine", 50)
        message = await Chat(app, user, session).until("complete")
        assert text(message).startswith("Let me see.")
