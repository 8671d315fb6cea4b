"""The service with an operator's Python, and its answers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from proxy_server import App
from proxy_server.chat import NewPrompt
from proxy_server.protocol.messages import Message, TextPart
from proxy_server.protocol.sessions import Session
from testbed.waiting import until

OWN = "tests.responders.python.own"
GUIDE = Path(__file__).parent.parent.parent / "docs" / "responders.md"
NEUTRAL = "Something went wrong while the answer was being written. Try again."
Serve = Callable[..., AbstractAsyncContextManager[App]]


async def ended(app: App, session: Session) -> Message:
    async def last() -> Message | None:
        opened = await app.chat.open("anna", session.conversation, None, 50)
        return opened.messages[-1] if opened.generation is None else None

    return await until(last)


async def asked(app: App, text: str = "Hi", **more: str | None) -> Message:
    prompt = NewPrompt([TextPart(text)], **more)  # type: ignore[arg-type]
    return await ended(app, await app.chat.send("anna", prompt))


def said(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


async def begun(app: App) -> Session:
    """An answer of which some is shown."""
    session = await app.chat.send("anna", NewPrompt([TextPart("Hi")]))

    async def shown() -> bool:
        running = list(app.supervisor._running.values())
        return bool(running) and running[0].progress.growing.size() > 0

    await until(shown)
    return session
