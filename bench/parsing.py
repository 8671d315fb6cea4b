"""CPU per token of reading a model's stream, for both APIs in one run: `python -m bench.parsing`.

The reads come from memory, so neither sockets nor the kernel are in the numbers.
"""

import asyncio
import json
import time
from collections.abc import Callable
from statistics import median

from proxy_server.protocol.events import Finish, Text
from proxy_server.responders.model.answer_stream import AnswerStream
from proxy_server.responders.model.chat_stream import ChatStream
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.responses_stream import ResponsesStream
from proxy_server.responders.model.source import Source
from testbed.model_formats import event
from testbed.text import tokens

_TOKENS = 2000
_ROUNDS = 15
_ENVELOPE = {"item_id": "msg_68a1f0c2d4e8819e", "output_index": 0, "content_index": 0}


class Reads(Source):
    """A body in reads of `size` events."""

    def __init__(self, events: list[bytes], size: int) -> None:
        self._reads = [b"".join(events[at : at + size]) for at in range(0, len(events), size)]
        self._reads.reverse()
        self.described = "memory"

    async def read(self, *, spoke: bool) -> bytes:
        del spoke
        return self._reads.pop() if self._reads else b""


def responses_event(number: int, text: str) -> bytes:
    kind = "response.output_text.delta"
    value = {"type": kind, "sequence_number": number, **_ENVELOPE, "delta": text, "logprobs": []}
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def seconds(make: Callable[[Source, ReasoningTags], AnswerStream], source: Source) -> float:
    async def read() -> int:
        said = 0
        async for events in make(source, ReasoningTags(("think", "thinking"))):
            said += sum(isinstance(one, Text) for one in events)
            assert not isinstance(events[-1], Finish) or said == _TOKENS
        return said

    began = time.process_time()
    assert asyncio.run(read()) == _TOKENS
    return time.process_time() - began


def main() -> None:
    words = tokens(_TOKENS, 0)
    chat = [*(event({"content": word}) for word in words), event(None, "stop"), b"data: [DONE]\n\n"]
    end = {"type": "response.completed", "response": {"status": "completed"}}
    responses = [responses_event(at, word) for at, word in enumerate(words)]
    responses.append(b"event: response.completed\ndata: " + json.dumps(end).encode() + b"\n\n")
    for size in (1, 4, 16):
        pairs = [
            (
                seconds(ChatStream, Reads(chat, size)),
                seconds(ResponsesStream, Reads(responses, size)),
            )
            for _ in range(_ROUNDS)
        ]
        first, second = (median(column) / _TOKENS * 1e6 for column in zip(*pairs, strict=True))
        ratio = median(one[1] / one[0] for one in pairs)
        print(
            f"{size:2} events a read: chat {first:.2f} us, responses {second:.2f} us, {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
