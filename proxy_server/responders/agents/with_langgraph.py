"""LangGraph graphs as responders: runs one over the conversation, as chunks of the AI SDK."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel
from langgraph.types import Command

from proxy_server.errors import CannotAnswer, ResponderUnusable
from proxy_server.protocol.messages import Message
from proxy_server.responders.agents.failures import as_failures
from proxy_server.responders.agents.history import File, ToolUse, call_ids, said
from proxy_server.responders.agents.langgraph_events import Chunks
from proxy_server.responders.agents.langgraph_pauses import (
    PART,
    answers,
    asked,
    restored,
    settled,
    state_of,
)
from proxy_server.responders.agents.packing import kept, part
from proxy_server.responders.python.turn import Turn

_FORGOTTEN = "This answer cannot continue because its state was lost. Ask again."
_MODES = ("messages", "updates", "custom")


class LangGraph:
    """Answers with a graph. Raises ResponderUnusable for a graph whose context nobody provides.

    input: makes the input of the graph; by default the conversation as `messages`.
    context: makes the context of the run; by default the Turn itself.
    options: further arguments of `astream`.
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
        self._is_stateless = graph.checkpointer is None

    async def answer(self, turn: Turn) -> AsyncIterator[object]:
        chunks = Chunks(call_ids(turn.messages), turn.decisions)
        graph, resume = await self._graph_for(turn)
        config = _at(turn.message)
        for ended in settled(turn.decisions):
            yield ended
        run = graph.astream(
            self._input(turn) if resume is None else Command(resume=resume),
            config,
            context=self._context(turn),
            stream_mode=_MODES,
            subgraphs=True,
            version="v2",
            **self._options,
        )
        with as_failures(turn.model):
            async with aclosing(run) as parts:
                async for one in parts:
                    for chunk in chunks.of(one["type"], one["data"]):
                        yield chunk
                    if chunks.usage is not None and chunks.usage not in turn.reported[-1:]:
                        turn.reported.append(chunks.usage)
        if chunks.interrupted:
            for asking in await self._pause(graph, config, list(chunks.calls)):
                yield asking
        elif resume is not None:
            yield part(PART, {})
        for chunk in chunks.end():
            yield chunk

    async def _graph_for(self, turn: Turn) -> tuple[Any, dict[str, Any] | None]:
        """The graph with the state of this answer, and the decisions if it goes on."""
        if turn.trigger != "continue":
            return self._with(InMemorySaver()), None
        state = kept(turn.messages[-1], PART)
        if not state:
            raise CannotAnswer(_FORGOTTEN, "the message has no state of the graph")
        graph = self._graph
        if checkpoints := state.get("state"):
            graph = self._with(await restored(checkpoints, turn.message))
        elif not (await graph.aget_state(_at(turn.message))).next:
            raise CannotAnswer(_FORGOTTEN, "the graph's own checkpointer has nothing of the answer")
        return graph, answers(turn.decisions, state["calls"])

    def _with(self, saver: InMemorySaver) -> Pregel[Any, Any, Any, Any]:
        """A graph without a checkpointer would forget where it was interrupted."""
        return self._graph.copy({"checkpointer": saver}) if self._is_stateless else self._graph

    async def _pause(self, graph: Any, config: Any, calls: list[str]) -> list[dict[str, Any]]:
        state = await graph.aget_state(config)
        chunks, places = asked(state.interrupts, calls)
        data: dict[str, Any] = {"calls": places}
        if self._is_stateless:
            thread = config["configurable"]["thread_id"]
            data["state"] = await state_of(graph.checkpointer, thread)
        return [*chunks, part(PART, data)]


def _at(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def _input_for(graph: Pregel[Any, Any, Any, Any]) -> Callable[[Turn], Any]:
    if "messages" not in graph.channels:
        raise ResponderUnusable(
            "the graph has no messages in its state: name LangGraph(graph, input=…) instead"
        )
    return lambda turn: {
        "messages": [given for message in turn.messages for given in _messages(message)]
    }


def _context_for(graph: Pregel[Any, Any, Any, Any]) -> Callable[[Turn], Any]:
    wanted = graph.context_schema
    if wanted is None or wanted is Turn:
        return lambda turn: turn
    raise ResponderUnusable(
        f"nobody gives the graph its context, a {getattr(wanted, '__name__', wanted)}: set its "
        "context_schema to proxy_server.Turn, or name LangGraph(graph, context=…)"
    )


def _messages(message: Message) -> Iterator[BaseMessage]:
    parts = list(said(message))
    if message.role == "user":
        if all(isinstance(one, str) for one in parts):
            yield HumanMessage("\n".join(cast(list[str], parts)), id=message.id)
        else:
            yield HumanMessage([_block(one) for one in parts], id=message.id)
        return
    for number, one in enumerate(parts):
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
