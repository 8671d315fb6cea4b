"""Agents of the OpenAI Agents SDK as an operator would write them."""

from agents import Agent, OpenAIChatCompletionsModel, RunContextWrapper, function_tool
from openai import AsyncOpenAI

from proxy_server import Turn

SECRET = "the secret words of an exception"
paid: list[int] = []


@function_tool
async def weather(context: RunContextWrapper[Turn], city: str) -> str:
    return f"sun in {city} for {context.context.user}"


@function_tool(needs_approval=True)
async def pay(amount: int) -> str:
    paid.append(amount)
    return f"paid {amount}"


@function_tool(failure_error_function=None)
async def broken() -> str:
    raise RuntimeError(SECRET)


def over(client: AsyncOpenAI) -> Agent[Turn]:
    """With a model over HTTP."""
    model = OpenAIChatCompletionsModel("test", client)
    other = Agent[Turn](name="Other", model=model, instructions="You are the other.")
    return Agent(
        name="One",
        model=model,
        instructions="You are kind.",
        tools=[weather, pay, broken],
        handoffs=[other],
    )


chat: Agent[Turn]
"""Set by the tests, once the model's server runs."""
