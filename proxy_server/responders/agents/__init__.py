"""Agents of other frameworks as responders; each module needs an extra with that framework.

Imports `protocol` and the rest of `responders`. Its public part is `adapted`.
"""

import sys
from importlib import import_module
from typing import NamedTuple


class _Known(NamedTuple):
    """An agent type of a framework, and our class that answers with it."""

    module: str
    type_name: str
    ours: str


_KNOWN = (
    _Known("pydantic_ai.agent", "AbstractAgent", "with_pydantic_ai:PydanticAIAgent"),
    # this module imports the name too; a module `agents.agent` may also be in an operator's own
    # package
    _Known("agents.stream_events", "Agent", "with_openai_agents:OpenAIAgent"),
    _Known("langgraph.pregel", "Pregel", "with_langgraph:LangGraph"),
)

EXTRAS = {"pydantic_ai": "pydantic-ai", "agents": "openai-agents", "langgraph": "langgraph"}
"""The name of our extra by the name of the framework's package."""


def adapted(found: object) -> object:
    """A responder for an agent of a known framework; any other object is returned unchanged.

    Imports no framework for that: an object of a framework exists only if its module is loaded.
    Raises ResponderUnusable.
    """
    for known in _KNOWN:
        theirs = getattr(sys.modules.get(known.module), known.type_name, None)
        if isinstance(theirs, type) and isinstance(found, theirs):
            module, _, name = known.ours.partition(":")
            made: object = getattr(import_module(f"{__name__}.{module}"), name)(found)
            return made
    return found
