"""PydanticAI agents as an operator would write them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic_ai import Agent, DeferredToolRequests, RunContext
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.ui.vercel_ai import VercelAIEventStream
from pydantic_ai.ui.vercel_ai.response_types import BaseChunk

from proxy_server import Turn

SECRET = "the secret words of an exception"
closed: list[str] = []
paid: list[int] = []


def mortal() -> MCPToolset[Turn]:
    return MCPToolset(Path(__file__).with_name("mortal.py"), init_timeout=50)


def over(url: str, *toolsets: MCPToolset[Turn]) -> Agent[Turn, str | DeferredToolRequests]:
    """With a model over HTTP."""
    model = OpenAIChatModel("test", provider=OpenAIProvider(base_url=url, api_key="none"))
    agent = Agent(
        model,
        toolsets=toolsets,
        deps_type=Turn,
        output_type=[str, DeferredToolRequests],
        system_prompt="You are kind.",
        instructions="Be short.",
    )

    @agent.tool
    async def weather(context: RunContext[Turn], city: str) -> str:
        return f"sun in {city} for {context.deps.user}"

    @agent.tool_plain(requires_approval=True)
    async def pay(amount: int) -> str:
        paid.append(amount)
        return f"paid {amount}"

    @agent.tool_plain
    async def broken() -> str:
        raise RuntimeError(SECRET)

    return agent


async def waiting(messages: list[ModelMessage], _: AgentInfo) -> AsyncIterator[str]:
    async with _held():
        for number in range(3 if "three" in str(messages) else 1_000_000):
            yield f"{number} "


@asynccontextmanager
async def _held() -> AsyncIterator[None]:
    try:
        yield
    finally:
        closed.append("model")


async def by_hand(turn: Turn) -> AsyncIterator[BaseChunk]:
    """For an operator who wants to choose the agent for each answer."""
    stream = VercelAIEventStream[None, str](sdk_version=7)
    async with endless.run_stream_events(turn.text) as events:
        async for chunk in stream.transform_stream(events):
            yield chunk


class Shop:
    pass


chat: Agent[Turn, str | DeferredToolRequests]
"""Set by the tests, once the model's server runs."""
endless = Agent(FunctionModel(stream_function=waiting))
depends = Agent(FunctionModel(stream_function=waiting), deps_type=Shop)
