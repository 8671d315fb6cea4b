"""A responder that asks before it acts: RESPONDERS="approvals=testbed.approvals:answer"."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from proxy_server import Turn

CALLS = ("one", "two", "three")
ASKED, DONE = "May I? ", "That was all."
# so that faults happen in the middle
_BETWEEN_SECONDS = 0.05


async def answer(turn: Turn) -> AsyncIterator[str | dict[str, Any]]:
    if turn.trigger == "continue":
        for decision in turn.decisions:
            call = {"toolCallId": decision.tool_call_id}
            if decision.approved:
                yield {"type": "tool-output-available", **call, "output": {"by": decision.reason}}
            else:
                yield {"type": "tool-output-denied", **call}
            await asyncio.sleep(_BETWEEN_SECONDS)
        yield DONE
        return
    yield ASKED
    for call_id in CALLS:
        call = {"toolCallId": call_id, "toolName": "act"}
        yield {"type": "tool-input-start", **call}
        yield {"type": "tool-input-available", **call, "input": {"what": call_id}}
        asked = {"toolCallId": call_id, "approvalId": f"ask-{call_id}"}
        yield {"type": "tool-approval-request", **asked}
        await asyncio.sleep(_BETWEEN_SECONDS)
