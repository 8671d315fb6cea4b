"""Graphs of LangGraph: a run over the conversation, as chunks of the AI SDK."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.pregel import Pregel

from proxy_server.errors import ResponderUnusable
from proxy_server.protocol.messages import Message
from proxy_server.responders.agents.failures import told_apart
from proxy_server.responders.agents.history import File, ToolUse, call_ids, said
from proxy_server.responders.agents.langgraph_events import Chunks
from proxy_server.responders.turn import Turn

_MODES = ("messages", "updates", "custom")


class LangGraph:
    """Answers with a graph.

    input: makes what the graph is given; by default the conversation as `messages`.
    context: makes the context of the run; by default that is the Turn itself.
    options: what else `astream` is given.
    Raises ResponderUnusable for a graph that wants something else.
    """

    def __init__(
        self,
        graph: Pregel[Any, Any, Any, Any],
        *,
        input: Callable[[Turn], Any] | None = None,  # noqa: A002 - their name for it
        context: Callable[[Turn], Any] | None = None,
        **options: Any,
    ) -> None:
        self._graph = graph
        self._input = input or _input_for(graph)
        self._context = context or _context_for(graph)
        self._options = options

    async def answer(self, turn: Turn) -> AsyncIterator[object]:
        chunks = Chunks(call_ids(turn.messages))
        config = {"configurable": {"thread_id": turn.message}}
        run = cast(Any, self._graph).astream(
            self._input(turn),
            config,
            context=self._context(turn),
            stream_mode=_MODES,
            subgraphs=True,
            version="v2",
            **self._options,
        )
        with told_apart(turn.model):
            async with aclosing(run) as parts:
                async for part in parts:
                    for chunk in chunks.of(part["type"], part["data"]):
                        yield chunk
                    if chunks.usage is not None and chunks.usage not in turn.reported[-1:]:
                        turn.reported.append(chunks.usage)
        for chunk in chunks.end():
            yield chunk


def _input_for(graph: Pregel[Any, Any, Any, Any]) -> Callable[[Turn], Any]:
    if "messages" not in graph.channels:
        raise ResponderUnusable(
            "the graph has no messages in its state: name LangGraph(graph, input=…) in its place"
        )
    return lambda turn: {
        "messages": [told for message in turn.messages for told in _messages(message)]
    }


def _context_for(graph: Pregel[Any, Any, Any, Any]) -> Callable[[Turn], Any]:
    wanted = graph.context_schema
    if wanted is None or wanted is Turn:
        return lambda turn: turn
    raise ResponderUnusable(
        f"the graph wants a {getattr(wanted, '__name__', wanted)} as its context, which nobody "
        "gives: its context_schema may be proxy_server.Turn, or name LangGraph(graph, context=…)"
    )


def _messages(message: Message) -> Iterator[BaseMessage]:
    told = list(said(message))
    if message.role == "user":
        if all(isinstance(one, str) for one in told):
            yield HumanMessage("\n".join(cast(list[str], told)), id=message.id)
        else:
            yield HumanMessage([_block(one) for one in told], id=message.id)
        return
    for number, one in enumerate(told):
        key = f"{message.id}-{number}"
        if isinstance(one, ToolUse):
            given = one.input if isinstance(one.input, dict) else {}
            call = {"name": one.name, "args": given, "id": one.call_id, "type": "tool_call"}
            yield AIMessage("", tool_calls=[call], id=key)
            yield ToolMessage(one.output, tool_call_id=one.call_id, name=one.name)
        elif isinstance(one, str):
            yield AIMessage(one, id=key)


def _block(one: object) -> str | dict[str, Any]:
    if isinstance(one, File):
        kind = "image" if one.media_type.startswith("image/") else "file"
        if one.url.startswith("data:"):
            data = one.url.partition(",")[2]
            return {"type": kind, "mime_type": one.media_type, "base64": data}
        return {"type": kind, "mime_type": one.media_type, "url": one.url}
    return {"type": "text", "text": str(one)}
