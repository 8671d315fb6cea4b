"""LangGraph graphs as an operator would write them."""

from collections.abc import Iterator
from typing import Any, TypedDict

import httpx2
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.runtime import get_runtime
from langgraph.types import interrupt
from pydantic import SecretStr

from proxy_server import Turn

SECRET = "the secret words of an exception"
paid: list[int] = []
Graph = Any


@tool
async def weather(city: str) -> str:
    """Of a city."""
    get_stream_writer()({"type": "source-url", "sourceId": "1", "url": "https://example.com"})
    return f"sun in {city} for {get_runtime(Turn).context.user}"


@tool
async def pay(amount: int) -> str:
    """An amount."""
    if not interrupt({"amount": amount}):
        return "not paid"
    paid.append(amount)
    return f"paid {amount}"


@tool
async def broken() -> str:
    """Never works."""
    raise RuntimeError(SECRET)


def over(url: str, http: httpx2.AsyncClient) -> Graph:
    """With a model over HTTP; by default it shares a client between event loops."""
    tools = [weather, pay, broken]
    model = ChatOpenAI(
        model="test",
        base_url=url,
        api_key=SecretStr("none"),
        stream_usage=True,
        http_async_client=http,
    )
    bound = model.bind_tools(tools)

    async def ask(state: MessagesState) -> dict[str, Any]:
        said = [SystemMessage("You are kind."), *state["messages"]]
        return {"messages": [*state["messages"], await bound.ainvoke(said)]}

    graph = StateGraph(MessagesState, context_schema=Turn)
    graph.add_node("model", ask)
    graph.add_node("tools", ToolNode(tools, handle_tool_errors=False))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile()


class Thinker(BaseChatModel):
    """Streams its reasoning, in both possible ways."""

    @property
    def _llm_type(self) -> str:
        return "thinker"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("not streamed"))])

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        thought: list[str | dict[Any, Any]] = [{"type": "reasoning", "reasoning": "m"}]
        said: list[str | dict[Any, Any]] = [{"type": "text", "text": "so"}]
        for content in (thought, said):
            yield ChatGenerationChunk(message=AIMessageChunk(content=content))


def _alone(node: Any) -> Graph:
    return StateGraph(MessagesState).add_node("only", node).add_edge(START, "only").compile()


async def _think(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await Thinker().ainvoke(state["messages"])]}


async def _write(_: MessagesState) -> dict[str, Any]:
    write = get_stream_writer()
    write("Half")
    write({"rows": 3})
    return {"messages": [AIMessage(" and whole.")]}


async def _agree(_: MessagesState) -> dict[str, Any]:
    agreed = interrupt("Shall I?")
    return {"messages": [AIMessage("I shall." if agreed else "I shall not.")]}


async def _review(_: MessagesState) -> dict[str, Any]:
    """Asks as LangChain's HumanInTheLoopMiddleware does."""
    requests = [{"name": "send", "args": {"to": name}} for name in ("Ann", "Bob")]
    given = interrupt({"action_requests": requests, "review_configs": []})
    return {"messages": [AIMessage(", ".join(one["type"] for one in given["decisions"]))]}


class Other(TypedDict):
    text: str


thinks = _alone(_think)
agrees = _alone(_agree)
saver = InMemorySaver
forgets = _alone(_agree).copy({"checkpointer": saver()})
reviews = _alone(_review)
writes = _alone(_write)
other = StateGraph(Other).add_node("only", lambda state: state).add_edge(START, "only").compile()
chat: Graph
"""Set by the tests, once the model's server runs."""
