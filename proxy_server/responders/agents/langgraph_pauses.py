"""Shows LangGraph's interrupts as waiting tool calls, and stores what resuming needs.

The graph's state is stored in the message itself, as a part, unless the graph has a checkpointer.
So another replica can continue the answer, even after a restart.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Interrupt
from pydantic_core import to_jsonable_python

from proxy_server.responders.agents.packing import packed, unpacked
from proxy_server.responders.python.decisions import Decision

PART = "data-langgraph"
_TOOL = "interrupt"

Json = dict[str, Any]
Places = dict[str, tuple[str, int | None]]
"""By call id: the interrupt that it answers, and the index of its request if it has several."""


def asked(interrupts: Sequence[Interrupt], calls: Sequence[str]) -> tuple[list[Json], Places]:
    """The chunks that ask for decisions, and where the decisions belong.

    calls: tool calls without an output, in order. If there are as many as decisions to make, those
        calls are asked about; otherwise each interrupt is shown as a call of its own.
    """
    wanted: list[tuple[str, int | None, Any]] = []
    for interrupt in interrupts:
        requests = _requests(interrupt.value)
        if requests is None:
            wanted.append((interrupt.id, None, interrupt.value))
        else:
            wanted += [(interrupt.id, at, request) for at, request in enumerate(requests)]
    chunks: list[Json] = []
    places: Places = {}
    for number, (interrupt_id, at, value) in enumerate(wanted):
        if len(calls) == len(wanted):
            call_id = calls[number]
        else:
            call_id = interrupt_id if at is None else f"{interrupt_id}-{at}"
            shown = {"toolCallId": call_id, "toolName": _TOOL, "dynamic": True}
            given = to_jsonable_python(value, fallback=str)
            chunks.append({"type": "tool-input-available", **shown, "input": given})
        places[call_id] = (interrupt_id, at)
        chunks.append(
            {"type": "tool-approval-request", "toolCallId": call_id, "approvalId": call_id}
        )
    return chunks, places


def answers(decisions: Sequence[Decision], places: Mapping[str, Sequence[Any]]) -> Json:
    """The value for each interrupt: whether it was approved, or LangChain's list of decisions."""
    given: Json = {}
    for decision in decisions:
        interrupt_id, at = places[decision.tool_call_id]
        if at is None:
            given[interrupt_id] = bool(decision.approved)
            continue
        said: Json = {"type": "approve" if decision.approved else "reject"}
        if decision.reason and not decision.approved:
            said["message"] = decision.reason
        given.setdefault(interrupt_id, {})[at] = said
    return {
        key: {"decisions": [value[at] for at in sorted(value)]}
        if isinstance(value, dict)
        else value
        for key, value in given.items()
    }


def settled(decisions: Sequence[Decision]) -> Iterator[Json]:
    """Ends the calls that were shown only for interrupts: no tool ever gives their outputs."""
    for decision in decisions:
        if decision.tool != _TOOL:
            continue
        if decision.approved:
            output = {"output": {"approved": True}}
            yield {"type": "tool-output-available", "toolCallId": decision.tool_call_id, **output}
        else:
            yield {"type": "tool-output-denied", "toolCallId": decision.tool_call_id}


def _requests(value: Any) -> Sequence[Any] | None:
    """The calls to decide on, if LangChain's own middleware asks for several at once."""
    if isinstance(value, Mapping) and isinstance(value.get("action_requests"), Sequence):
        requests: Sequence[Any] = value["action_requests"]
        return requests
    return None


async def state_of(saver: BaseCheckpointSaver[Any], thread: str) -> str:
    """The newest state of the graph and its subgraphs."""
    newest: dict[str, Any] = {}
    async for one in saver.alist({"configurable": {"thread_id": thread}}):
        namespace = one.config["configurable"].get("checkpoint_ns", "")
        newest.setdefault(
            namespace, (namespace, one.checkpoint, one.metadata, one.pending_writes or [])
        )
    _, data = saver.serde.dumps_typed(list(newest.values()))
    return packed(data)


async def restored(state: str, thread: str) -> InMemorySaver:
    saver = InMemorySaver()
    found = saver.serde.loads_typed(("msgpack", unpacked(state)))
    for namespace, checkpoint, metadata, writes in found:
        place: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": namespace}}
        at = await saver.aput(place, checkpoint, metadata, checkpoint["channel_versions"])
        for task, several in groupby(sorted(writes, key=itemgetter(0)), key=itemgetter(0)):
            await saver.aput_writes(at, [(channel, value) for _, channel, value in several], task)
    return saver
