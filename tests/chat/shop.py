"""Responders that wait for the user, as an operator would write them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from proxy_server import Turn

Chunk = Mapping[str, Any]
Said = str | Chunk

seen: list[Turn] = []


def called(call: str, tool: str = "order", **given: Any) -> list[Chunk]:
    """A tool call."""
    return [{"type": "tool-input-available", "toolCallId": call, "toolName": tool, "input": given}]


def asked(call: str) -> list[Chunk]:
    """A tool call that needs an approval."""
    request = {"type": "tool-approval-request", "toolCallId": call, "approvalId": f"ask-{call}"}
    return [*called(call, item=call), request]


async def shop(turn: Turn) -> AsyncIterator[Said]:
    """Does what the prompt says: `order a b` needs approvals, `locate` is a client tool."""
    seen.append(turn)
    if turn.trigger == "continue":
        for decision in turn.decisions:
            call = {"toolCallId": decision.tool_call_id}
            if decision.approved:
                done = f"{decision.tool} of {decision.input['item']}"
                yield {"type": "tool-output-available", **call, "output": done}
            elif decision.approved is False:
                yield {"type": "tool-output-denied", **call}
            else:
                yield f"At {decision.output or decision.error}. "
        yield "Done."
        turn.report_usage(2, 1)
        if "slowly" in turn.text:
            await asyncio.sleep(60)
        if "again" in turn.text and turn.decisions[0].tool_call_id != "a2":
            for chunk in asked("a2"):
                yield chunk
        return
    turn.report_usage(10, 5)
    yield "Let me see. "
    words = turn.text.split()
    match words[0]:
        case "order":
            for item in (word for word in words[1:] if word not in ("slowly", "again")):
                for chunk in asked(item):
                    yield chunk
        case "locate":
            for chunk in called("where", "locate", precise=True):
                yield chunk
            yield {"type": "finish", "finishReason": "tool-calls"}
        case "dangling":
            for chunk in called("where", "locate"):
                yield chunk
        case _:
            yield "Nothing to do."
