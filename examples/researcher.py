"""A LangGraph graph: a model that searches a folder of Markdown as often as it wants.

    NOTES=docs RESPONDER=examples.researcher:researcher make agents run

The model is the one that `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_MODEL` name.
"""

import os
from typing import Any

from langchain_core.messages import SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import SecretStr

from examples.notes import notes

INSTRUCTION = SystemMessage("Answer from the notes alone, and look them up first.")


@tool
async def look_up(question: str) -> str:
    """Sections of the notes that have the words of a question."""
    found = notes.search(question)
    for file in dict.fromkeys(section.file for section in found):
        # what is written here becomes part of the answer: any chunk of the AI SDK, or text
        source = {"sourceId": file, "mediaType": "text/markdown", "title": file}
        get_stream_writer()({"type": "source-document", **source})
    return "\n\n".join(f"{one.file}:\n{one.text}" for one in found) or "There is nothing."


model = ChatOpenAI(
    model=os.environ.get("OPENAI_MODEL", "gpt-5-mini"),
    base_url=os.environ.get("OPENAI_BASE_URL"),
    api_key=SecretStr(os.environ.get("OPENAI_API_KEY") or "none"),
    stream_usage=True,
).bind_tools([look_up])


async def ask(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await model.ainvoke([INSTRUCTION, *state["messages"]])]}


researcher = (
    StateGraph(MessagesState)
    .add_node("ask", ask)
    .add_node("tools", ToolNode([look_up]))
    .add_edge(START, "ask")
    .add_conditional_edges("ask", tools_condition)
    .add_edge("tools", "ask")
    .compile()
)
