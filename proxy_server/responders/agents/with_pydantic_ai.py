"""Agents of PydanticAI: runs one over the conversation, as chunks of the AI SDK.

Both conversions are PydanticAI's own: its adapter reads our messages, and its stream for the AI SDK
writes the events.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Literal, NoReturn, cast

import msgspec
import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic_ai import AgentRunResultEvent
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.ui import NativeEvent
from pydantic_ai.ui.vercel_ai import VercelAIAdapter, VercelAIEventStream
from pydantic_ai.ui.vercel_ai.request_types import SubmitMessage, UIMessage
from pydantic_ai.ui.vercel_ai.response_types import (
    BaseChunk,
    DoneChunk,
    ReasoningDeltaChunk,
    TextDeltaChunk,
    ToolOutputErrorChunk,
)

from proxy_server.errors import ResponderUnusable
from proxy_server.protocol.messages import Message
from proxy_server.responders.agents.failures import as_failures
from proxy_server.responders.agents.held import Held
from proxy_server.responders.python.turn import Turn

_SDK_VERSION: Literal[7] = 7
_DELTAS = (TextDeltaChunk, ReasoningDeltaChunk)

log = structlog.get_logger()
_message = TypeAdapter[UIMessage](UIMessage)


class PydanticAIAgent:
    """Answers with an agent. Raises ResponderUnusable for an agent whose deps nobody provides.

    deps: makes the dependencies of the agent; by default the Turn itself.
    options: further arguments of the run, such as `usage_limits`.
    """

    def __init__(
        self,
        agent: AbstractAgent[Any, Any],
        *,
        deps: Callable[[Turn], Any] | None = None,
        **options: Any,
    ) -> None:
        self._agent = agent
        self._deps = deps or _deps_for(agent)
        self._options = options
        # starts its MCP servers once, and closes the model's connections when the service ends
        self._held = Held(agent)

    async def answer(self, turn: Turn) -> AsyncIterator[object]:
        messages = [read for message in turn.messages if (read := _read(message)) is not None]
        adapter = VercelAIAdapter[Any, Any](
            self._agent,
            SubmitMessage(id=turn.conversation, messages=messages),
            sdk_version=_SDK_VERSION,
        )
        run = cast(
            AsyncGenerator[NativeEvent],
            adapter.run_stream_native(deps=self._deps(turn), **self._options),
        )
        chunks = cast(
            AsyncGenerator[BaseChunk],
            _Stream(sdk_version=_SDK_VERSION).transform_stream(_noting_usage(run, turn)),
        )
        # close the run explicitly: its wrapper does not
        holding = self._held.during_an_answer()
        async with holding, aclosing(run), aclosing(chunks):
            with as_failures(turn.model):
                async for chunk in chunks:
                    if isinstance(chunk, _DELTAS) and chunk.provider_metadata is None:
                        # nearly all chunks are deltas, and a dump costs several times as much
                        yield {"type": chunk.type, "id": chunk.id, "delta": chunk.delta}
                    elif not isinstance(chunk, DoneChunk):
                        if isinstance(chunk, ToolOutputErrorChunk):
                            self._held.doubt()
                        yield chunk.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def close(self) -> None:
        await self._held.close()


class _Stream(VercelAIEventStream[Any, Any]):
    """The events, with errors kept as exceptions: their texts belong in the log."""

    def on_error(self, error: Exception) -> NoReturn:
        raise error


async def _noting_usage(run: AsyncIterator[NativeEvent], turn: Turn) -> AsyncIterator[NativeEvent]:
    async for event in run:
        if isinstance(event, AgentRunResultEvent):
            usage = event.result.usage
            turn.report_usage(
                usage.input_tokens,
                usage.output_tokens,
                reasoning_tokens=usage.details.get("reasoning_tokens", 0),
                cached_input_tokens=usage.cache_read_tokens,
            )
        yield event


def _read(message: Message) -> UIMessage | None:
    """The message in PydanticAI's form; parts that it does not know are left out."""
    found: dict[str, Any] = msgspec.to_builtins({"id": message.id, "role": message.role})
    parts: list[Any] = []
    for part in msgspec.json.decode(msgspec.json.encode(message.parts)):
        try:
            parts += _message.validate_python({**found, "parts": [part]}).parts
        except ValidationError:
            log.info("part_left_out", message=message.id, part=str(part.get("type"))[:50])
    return UIMessage(id=message.id, role=message.role, parts=parts) if parts else None


def _deps_for(agent: AbstractAgent[Any, Any]) -> Callable[[Turn], Any]:
    wanted: object = agent.deps_type
    if wanted is type(None):
        return lambda _: None
    # an agent without a declared type has object
    if isinstance(wanted, type) and issubclass(Turn, wanted):
        return lambda turn: turn
    raise ResponderUnusable(
        f"nobody gives the agent its deps, a {getattr(wanted, '__name__', wanted)}: set its "
        "deps_type to proxy_server.Turn, or name PydanticAIAgent(agent, deps=…) instead"
    )
