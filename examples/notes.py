"""Answers from a folder of Markdown, and names the files that it used.

    NOTES=docs RESPONDER=examples.notes:notes make run

The model is the one that `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_MODEL` name.
"""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from math import log
from pathlib import Path
from typing import NamedTuple

from openai import AsyncOpenAI, OpenAIError
from openai.types.chat import ChatCompletionMessageParam

from proxy_server import CannotAnswer, Message, Turn, Usage, text_of

# As many as a small model can read, together with the last few messages.
MOST_SECTIONS = 3
MOST_CHARACTERS = 1000
MOST_MESSAGES = 3
INSTRUCTION = "Answer from these notes alone, and say so where they do not have the answer.\n\n"


class Section(NamedTuple):
    file: str
    text: str
    words: frozenset[str]


class Notes:
    def __init__(self, folder: Path, model: str) -> None:
        self.folder = folder
        self.model = model

    async def answer(self, turn: Turn) -> AsyncIterator[str | Usage | dict[str, str]]:
        found = self.search(turn.text)
        if not found:
            raise CannotAnswer("The notes have nothing about that.")
        passages = "\n\n".join(f"{section.file}:\n{section.text}" for section in found)
        try:
            # leaving this block ends the request when the user stops the answer
            async with await self.client.chat.completions.create(
                model=self.model,
                messages=[
                    {"role": "system", "content": INSTRUCTION + passages},
                    *map(as_asked, turn.messages[-MOST_MESSAGES:]),
                ],
                stream=True,
                stream_options={"include_usage": True},
            ) as stream:
                async for chunk in stream:
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        yield text
                    if chunk.usage:
                        yield Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        except OpenAIError as error:
            raise CannotAnswer("The model did not answer. Try again.", str(error)) from error
        for file in dict.fromkeys(section.file for section in found):
            yield {
                "type": "source-document",
                "sourceId": file,
                "mediaType": "text/markdown",
                "title": file,
            }

    async def close(self) -> None:
        await self.client.close()

    def search(self, question: str) -> Sequence[Section]:
        """The sections with the rarest words of the question, best first."""
        weights = {
            word: log(len(self.sections) / self.counts[word] + 1)
            for word in words(question)
            if self.counts[word]
        }
        ranked = sorted(
            ((sum(weights.get(word, 0) for word in one.words), one) for one in self.sections),
            key=lambda pair: pair[0],
            reverse=True,
        )
        return [section for score, section in ranked[:MOST_SECTIONS] if score > 0]

    @cached_property
    def client(self) -> AsyncOpenAI:
        return AsyncOpenAI(api_key=os.environ.get("OPENAI_API_KEY") or "none")

    @cached_property
    def sections(self) -> Sequence[Section]:
        return [
            Section(str(file.relative_to(self.folder)), text[:MOST_CHARACTERS], words(text))
            for file in sorted(self.folder.rglob("*.md"))
            for text in re.split(r"^(?=#+ )", file.read_text(), flags=re.MULTILINE)
            if text.strip()
        ]

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(word for section in self.sections for word in section.words)


def as_asked(message: Message) -> ChatCompletionMessageParam:
    text = text_of(message)
    if message.role == "user":
        return {"role": "user", "content": text}
    return {"role": "assistant", "content": text}


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w{3,}", text.lower()))


notes = Notes(Path(os.environ.get("NOTES", "docs")), os.environ.get("OPENAI_MODEL", "gpt-5-mini"))
