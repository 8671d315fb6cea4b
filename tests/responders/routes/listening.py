"""A route of a test, and what it yields."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Finish, Piece, Reasoning, Text
from proxy_server.protocol.messages import Message, Metadata, Part, TextPart, Usage
from proxy_server.responders.responder import Prompt
from proxy_server.responders.routes.route import RouteResponder, TimeLimits
from tests.responders.serving import Handler, serving

SECRETS = [
    "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
    "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
]
FRAMES = ("start-step", "text-start", "text-end", "finish-step")
LIMITS = TimeLimits(first_token_seconds=5, idle_seconds=5)


def message(name: str, role: str = "user", text: str = "Hi") -> Message:
    parts: list[Part] = [TextPart(text)] if text else []
    return Message(name, role, parts, Metadata(1.5))  # type: ignore[arg-type]


PROMPT = Prompt(
    user="anna",
    conversation_id="conversation",
    message_id="answer",
    model="test",
    history=[message("prompt")],
)


@dataclass
class Heard:
    """The result of an answer, and how it ended."""

    text: str = ""
    reasoning: str = ""
    finish: str | None = None
    usage: tuple[int, int, int, int] | None = None
    others: list[Piece] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    failure: ResponderFailed | None = None


@asynccontextmanager
async def route(handler: Handler, limits: TimeLimits = LIMITS) -> AsyncIterator[RouteResponder]:
    async with serving("/api/chat", handler) as url:
        responder = RouteResponder(
            f"{url}/api/chat", SECRETS, limits, connections=4, reasoning_tags=["think"]
        )
        yield responder
        await responder.close()


async def listen(responder: RouteResponder, prompt: Prompt = PROMPT) -> Heard:
    heard = Heard()
    try:
        async with responder.answer(prompt) as answer:
            async for events in answer:
                for event in events:
                    match event:
                        case Text(text):
                            heard.text += text
                        case Reasoning(text):
                            heard.reasoning += text
                        case Finish(reason):
                            heard.finish = reason
                        case Piece({"type": "text-delta", "delta": str(text)}):
                            heard.text += text
                        case Piece({"type": "reasoning-delta", "delta": str(text)}):
                            heard.reasoning += text
                        case Piece({"type": str(kind)}) if kind in FRAMES:
                            heard.frames.append(kind)
                        case Piece():
                            heard.others.append(event)
                        case Usage():
                            heard.usage = (
                                event.input_tokens,
                                event.output_tokens,
                                event.reasoning_tokens,
                                event.cached_input_tokens,
                            )
    except ResponderFailed as failure:
        heard.failure = failure
    return heard
