"""Agents of other frameworks as responders; each module needs that framework, an extra of ours.

Imports `protocol` and the rest of `responders`. Its door is `adapted`.
"""

import sys
from importlib import import_module
from typing import NamedTuple


class _Known(NamedTuple):
    """A type of theirs, and the class of ours that answers with its objects."""

    module: str
    type_name: str
    ours: str


_KNOWN = (
    _Known("pydantic_ai.agent", "AbstractAgent", "with_pydantic_ai:PydanticAIAgent"),
    # named there too; `agents.agent` may as well be in a package of somebody's own
    _Known("agents.stream_events", "Agent", "with_openai_agents:OpenAIAgent"),
    _Known("langgraph.pregel", "Pregel", "with_langgraph:LangGraph"),
)

EXTRAS = {"pydantic_ai": "pydantic-ai", "agents": "openai-agents", "langgraph": "langgraph"}
"""Which extra of ours has a module of theirs."""


def adapted(found: object) -> object:
    """What answers for an agent of a framework that we know; anything else as it is.

    No framework is imported for it: an object of theirs is there only where they are.
    Raises ResponderUnusable.
    """
    for known in _KNOWN:
        theirs = getattr(sys.modules.get(known.module), known.type_name, None)
        if isinstance(theirs, type) and isinstance(found, theirs):
            module, _, name = known.ours.partition(":")
            made: object = getattr(import_module(f"{__name__}.{module}"), name)(found)
            return made
    return found
