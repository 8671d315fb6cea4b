"""Runs of the OpenAI Agents SDK that wait for approvals, and the state to resume them.

The state is stored in the message itself, as a part, so another replica can continue the answer,
even after a restart. It leaves out the earlier conversation, which is in the history.
"""

import json
from collections.abc import Iterator
from typing import Any, cast

from agents import Agent, RunState
from agents.items import ToolApprovalItem
from agents.result import RunResultStreaming

from proxy_server.errors import CannotAnswer
from proxy_server.responders.agents.packing import kept, packed, part, unpacked
from proxy_server.responders.python.turn import Turn

PART = "data-openai-agents"
_INPUT = "original_input"
_FORGOTTEN = "This answer cannot continue because its state was lost. Ask again."


def paused(run: RunResultStreaming) -> Iterator[dict[str, Any]]:
    """The chunks that ask for approvals; none for a finished run."""
    if not run.interruptions:
        return
    for item in run.interruptions:
        asked = {"toolCallId": call_id(item), "approvalId": call_id(item)}
        yield {"type": "tool-approval-request", **asked}
    state = run.to_state().to_json(context_serializer=lambda _: {})
    yield part(PART, {"state": packed(json.dumps({**state, _INPUT: []}).encode())})


async def resumed(
    agent: Agent[Any], turn: Turn, history: list[Any], context: object
) -> RunState[Any]:
    """The run in which the answer waited, with the decisions applied."""
    found = kept(turn.messages[-1], PART)
    if not found:
        raise CannotAnswer(_FORGOTTEN, "the message has no state of the run")
    stored = {**json.loads(unpacked(found["state"])), _INPUT: history}
    state: RunState[Any] = await RunState.from_json(
        agent, stored, context_override=cast(Any, context)
    )
    decisions = {decision.tool_call_id: decision for decision in turn.decisions}
    for item in state.get_interruptions():
        decision = decisions.get(call_id(item))
        if decision is not None and decision.approved:
            state.approve(item)
        else:
            state.reject(item, rejection_message=decision.reason if decision else None)
    return state


def call_id(item: ToolApprovalItem) -> str:
    raw: Any = item.raw_item
    found = raw if isinstance(raw, dict) else vars(raw)
    return str(found.get("call_id") or found.get("id"))
