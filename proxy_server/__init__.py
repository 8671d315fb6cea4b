"""Streams LLM answers over the Centrifugo connection that a browser already holds.

The public API: the service as an App, its Settings, the prompts of its chat, and the types that
responders receive and yield. `proxy_server.testing` helps to test them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxy_server.app import App
    from proxy_server.chat.prompts import NewPrompt
    from proxy_server.errors import CannotAnswer, Refusal, ResponderFailed
    from proxy_server.protocol.events import Event, Finish, Piece, Reasoning, Text, Title
    from proxy_server.protocol.messages import FilePart, Message, TextPart, Usage
    from proxy_server.responders.python.decisions import Decision
    from proxy_server.responders.python.turn import Turn, text_of
    from proxy_server.responders.responder import Prompt, Responder
    from proxy_server.settings import Settings

_WHERE = {
    "App": "app",
    "CannotAnswer": "errors",
    "Decision": "responders.python.decisions",
    "Event": "protocol.events",
    "FilePart": "protocol.messages",
    "Finish": "protocol.events",
    "Message": "protocol.messages",
    "NewPrompt": "chat.prompts",
    "Piece": "protocol.events",
    "Prompt": "responders.responder",
    "Reasoning": "protocol.events",
    "Refusal": "errors",
    "Responder": "responders.responder",
    "ResponderFailed": "errors",
    "Settings": "settings",
    "Text": "protocol.events",
    "TextPart": "protocol.messages",
    "Title": "protocol.events",
    "Turn": "responders.python.turn",
    "Usage": "protocol.messages",
    "text_of": "responders.python.turn",
}

__all__ = [
    "App",
    "CannotAnswer",
    "Decision",
    "Event",
    "FilePart",
    "Finish",
    "Message",
    "NewPrompt",
    "Piece",
    "Prompt",
    "Reasoning",
    "Refusal",
    "Responder",
    "ResponderFailed",
    "Settings",
    "Text",
    "TextPart",
    "Title",
    "Turn",
    "Usage",
    "text_of",
]


def __getattr__(name: str) -> Any:
    # Imported on demand: importing one of our modules must not load all of them, which would slow
    # down the start of the service and enlarge the local model's image.
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
