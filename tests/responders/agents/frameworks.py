"""The frameworks whose agents may answer, each with an agent with tools, over the model server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType

import httpx2
import pytest
from agents import set_tracing_disabled
from openai import AsyncOpenAI

from proxy_server.responders.python.responder import PythonResponder
from tests.responders.agents import graphs, openai_agents, pydantic_agents
from tests.responders.agents.running import running

Framework = Callable[[str], AbstractAsyncContextManager[tuple[ModuleType, object]]]


@asynccontextmanager
async def _langgraph(url: str) -> AsyncIterator[tuple[ModuleType, object]]:
    async with httpx2.AsyncClient() as http:
        yield graphs, graphs.over(url, http)


@asynccontextmanager
async def _openai_agents(url: str) -> AsyncIterator[tuple[ModuleType, object]]:
    # its traces go to a service on the internet
    set_tracing_disabled(True)
    async with AsyncOpenAI(base_url=url, api_key="none") as client:
        yield openai_agents, openai_agents.over(client)


@asynccontextmanager
async def _pydantic_ai(url: str) -> AsyncIterator[tuple[ModuleType, object]]:
    yield pydantic_agents, pydantic_agents.over(url)


FRAMEWORKS: dict[str, Framework] = {
    "langgraph": _langgraph,
    "openai-agents": _openai_agents,
    "pydantic-ai": _pydantic_ai,
}


@asynccontextmanager
async def answering(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PythonResponder]:
    """That framework's agent as a responder."""
    async with FRAMEWORKS[name](url) as (module, chat):
        monkeypatch.setattr(module, "chat", chat, raising=False)
        async with running(f"{module.__name__}:chat") as responder:
            yield responder
