"""Agents of the OpenAI Agents SDK: runs one over the conversation, as chunks of the AI SDK."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, cast

from agents import Agent, Runner
from agents.result import RunResultStreaming
from agents.usage import Usage as TheirUsage

from proxy_server.protocol.messages import Message, Usage
from proxy_server.responders.agents.failures import as_failures
from proxy_server.responders.agents.held import Held
from proxy_server.responders.agents.history import File, ToolUse, call_ids, said
from proxy_server.responders.agents.openai_events import Chunks
from proxy_server.responders.agents.openai_pauses import PART, paused, resumed
from proxy_server.responders.agents.packing import part
from proxy_server.responders.python.turn import Turn


class OpenAIAgent:
    """Answers with an agent.

    context: makes the context of its tools; by default the Turn itself.
    options: further arguments of `Runner.run_streamed`, such as `run_config`.
    """

    def __init__(
        self, agent: Agent[Any], *, context: Callable[[Turn], Any] | None = None, **options: Any
    ) -> None:
        self._agent = agent
        self._context = context or (lambda turn: turn)
        self._options = options
        self._held = Held(_connected(agent))

    async def answer(self, turn: Turn) -> AsyncIterator[object]:
        async with self._held.during_an_answer(), aclosing(self._run(turn)) as said:
            async for chunk in said:
                yield chunk

    async def _run(self, turn: Turn) -> AsyncGenerator[object]:
        context = self._context(turn)
        goes_on = turn.trigger == "continue"
        earlier = turn.messages[:-1] if goes_on else turn.messages
        asked: Any = [item for message in earlier for item in _items(message)]
        if goes_on:
            asked = await resumed(self._agent, turn, asked, context)
            yield part(PART, {})
        run = Runner.run_streamed(self._agent, asked, context=context, **self._options)
        before = _cost(run.context_wrapper.usage)
        chunks = Chunks(call_ids(turn.messages), turn.decisions)
        with as_failures(turn.model):
            async with aclosing(cast(Any, run.stream_events())) as events:
                try:
                    async for event in events:
                        for chunk in chunks.of(event):
                            yield chunk
                finally:
                    # before closing the event stream, which would wait until the model is done
                    await _leave(run)
                    _report(run, before, turn)
        for chunk in paused(run):
            yield chunk
        for chunk in chunks.end():
            yield chunk

    async def close(self) -> None:
        await self._held.close()


async def _leave(run: RunResultStreaming) -> None:
    """Ends what still runs."""
    task = run.run_loop_task
    if task is not None and not task.done():
        run.cancel()
        await asyncio.wait((task,))


def _report(run: RunResultStreaming, before: Usage, turn: Turn) -> None:
    """before: the cost up to the wait, which was reported then."""
    now = _cost(run.context_wrapper.usage)
    if now != before:
        turn.report_usage(
            now.input_tokens - before.input_tokens,
            now.output_tokens - before.output_tokens,
            reasoning_tokens=now.reasoning_tokens - before.reasoning_tokens,
            cached_input_tokens=now.cached_input_tokens - before.cached_input_tokens,
        )


def _cost(usage: TheirUsage) -> Usage:
    return Usage(
        usage.input_tokens,
        usage.output_tokens,
        usage.output_tokens_details.reasoning_tokens,
        usage.input_tokens_details.cached_tokens,
    )


@asynccontextmanager
async def _connected(agent: Agent[Any]) -> AsyncIterator[None]:
    """Connects its MCP servers, which the agent does not do itself."""
    async with AsyncExitStack() as stack:
        for server in agent.mcp_servers:
            await cast(Any, server).connect()
            stack.push_async_callback(cast(Any, server).cleanup)
        yield


def _items(message: Message) -> Iterator[dict[str, Any]]:
    """The message as input of the Responses API, which all models of the SDK accept."""
    if message.role == "user":
        content = [_content(one) for one in said(message) if not isinstance(one, ToolUse)]
        yield {"role": "user", "content": content}
        return
    for one in said(message):
        if isinstance(one, ToolUse):
            call = {"call_id": one.call_id, "name": one.name, "arguments": json.dumps(one.input)}
            yield {"type": "function_call", **call}
            yield {"type": "function_call_output", "call_id": one.call_id, "output": one.output}
        elif isinstance(one, str):
            yield {"role": "assistant", "content": one}


def _content(one: str | File) -> dict[str, Any]:
    if isinstance(one, str):
        return {"type": "input_text", "text": one}
    if one.media_type.startswith("image/"):
        return {"type": "input_image", "image_url": one.url, "detail": "auto"}
    if one.url.startswith("data:"):
        return {"type": "input_file", "file_data": one.url, "filename": "file"}
    return {"type": "input_file", "file_url": one.url}
