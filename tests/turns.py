"""Prompts as passed to the store."""

import uuid
from dataclasses import replace
from typing import Any

from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Turn


def new_turn(user: str, in_conversation: str | None = None, **given: Any) -> Turn:
    """A turn in that conversation, or in a new one; `given` are the fields that differ."""
    turn = Turn(
        user=user,
        conversation_id=in_conversation or f"c-{uuid.uuid4().hex}",
        is_new=in_conversation is None,
        message_id=str(uuid.uuid4()),
        answer_id=str(uuid.uuid4()),
        parts=[TextPart("a")],
        model="test",
        title="",
        when_busy="reject",
        since=BEGINNING,
    )
    return replace(turn, **given)
