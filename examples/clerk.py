"""An agent of PydanticAI that checks the stock, and asks the user before it orders anything.

    RESPONDER=examples.clerk:clerk make agents run

The model is the one that `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_MODEL` name.
"""

import os
from pathlib import Path

from pydantic_ai import Agent, DeferredToolRequests, RunContext
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from proxy_server import Turn

clerk = Agent(
    OpenAIChatModel(
        os.environ.get("OPENAI_MODEL", "gpt-5-mini"),
        provider=OpenAIProvider(
            base_url=os.environ.get("OPENAI_BASE_URL"),
            api_key=os.environ.get("OPENAI_API_KEY") or "none",
        ),
    ),
    instructions="You are the clerk of a furniture shop. Look into the stock before you order.",
    # a tool server in its own process, started with the first answer
    toolsets=[MCPToolset(Path(__file__).with_name("stock.py"), init_timeout=30)],
    deps_type=Turn,
    # with this output type, a run can end by asking for approval
    output_type=[str, DeferredToolRequests],
)


@clerk.tool(requires_approval=True)
async def order(turn: RunContext[Turn], item: str, pieces: int) -> str:
    """Orders pieces of an item for the user."""
    return f"Ordered {pieces} of {item} for {turn.deps.user}."
