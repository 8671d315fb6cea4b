"""Random sequences of chunks as any responder could yield them: all types, interleaved, by seed."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

Json = dict[str, Any]

_WORDS = ("word ", "é", "👩‍🚀", "\n\n", "`code`", "漢字", '"\\', "\u2028", "true", "1e5", "</b>")


class Sequence:
    """One answer's chunks. What is open may continue between all others."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._chunks: list[Json] = []
        self._open: list[Iterator[Json]] = []
        self._in_step: list[Iterator[Json]] = []
        self._step_calls: list[str] = []
        self._count = 0
        self._crowded = self._random.random() < 0.5

    def chunks(self) -> list[Json]:
        for _ in range(self._random.randrange(1, 30)):
            if self._open and self._random.random() < (0.5 if self._crowded else 0.95):
                self._advance(self._random.choice(self._open))
            else:
                self._begin()
        while self._open and self._random.random() < 0.95:
            self._advance(self._random.choice(self._open))
        return self._chunks

    def _advance(self, one: Iterator[Json]) -> None:
        chunk = next(one, None)
        if chunk is None:
            self._open.remove(one)
        else:
            self._chunks.append(chunk)

    def _begin(self) -> None:
        name = self._random.choice(
            ["text", "text", "reasoning", "tool", "tool", "tool", "data", "single", "step"]
        )
        match name:
            case "text" | "reasoning":
                self._start(self._text(name))
            case "tool":
                tool = self._tool()
                self._in_step.append(tool)
                self._start(tool)
            case "data":
                self._chunks.append(self._data())
            case "single":
                self._chunks.append(self._single())
            case "step":
                self._step()

    def _start(self, one: Iterator[Json]) -> None:
        self._open.append(one)
        self._advance(one)

    def _step(self) -> None:
        kind = self._random.choice(["start-step", "start-step", "finish-step", "reset-step"])
        self._chunks.append({"type": kind})
        if kind == "reset-step":
            # nothing that was open before can continue
            self._open.clear()
        if kind != "finish-step":
            # the input of a call does not continue in another step
            self._open = [one for one in self._open if one not in self._in_step]
            self._in_step.clear()
            self._step_calls.clear()

    def _text(self, kind: str) -> Iterator[Json]:
        key = self._new_id()
        yield {"type": f"{kind}-start", "id": key, **self._meta()}
        for _ in range(self._random.randrange(5)):
            yield {"type": f"{kind}-delta", "id": key, "delta": self._words(), **self._meta(0.1)}
        end: Json = {"type": f"{kind}-end", "id": key, **self._meta()}
        if kind == "text" and self._random.random() < 0.1:
            source = {"type": "source", "sourceType": "url", "id": "1", "url": "https://a.example"}
            end["citations"] = [{"source": source, "startIndex": 0}]
        yield end

    def _tool(self) -> Iterator[Json]:
        random = self._random
        call = self._new_call()
        name = random.choice(["search", "get-weather", "x_1"])
        dynamic = {"dynamic": True} if random.random() < 0.3 else {}
        about = {"toolCallId": call, "toolName": name, **dynamic}
        more = self._maybe(title=self._words(), toolMetadata={"a": [1]}, providerExecuted=True)
        value = self.value(3)
        if random.random() < 0.8:
            text = random.random() < 0.1
            encoding = {"inputEncoding": random.choice(["json", "text"])} if text else {}
            yield {"type": "tool-input-start", **about, **more, **encoding, **self._meta()}
            written = json.dumps(value, ensure_ascii=random.random() < 0.5)
            if random.random() < 0.1:
                written = self.broken(written)
            for piece in self._cut(written):
                yield {"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": piece}
        if random.random() < 0.15:
            error = {"errorText": self._words(), "input": value}
            yield {"type": "tool-input-error", **about, **error, **self._meta()}
            return
        yield {"type": "tool-input-available", **about, **more, "input": value, **self._meta()}
        outcome = self._outcome(call)
        self._open.append(outcome)
        if call.startswith("call"):
            # the id may be used again in the next step, and would then refer to that call
            self._in_step.append(outcome)

    def _outcome(self, call: str) -> Iterator[Json]:
        random = self._random
        of_call = {"toolCallId": call}
        if random.random() < 0.3:
            approval = f"approval-{self._new_id()}"
            asked = self._maybe(
                reason=self._words(),
                isAutomatic=random.random() < 0.5,
                signature="s",
                approvalDescriptor={"a": 1},
                inputSchemaInput=None,
            )
            yield {"type": "tool-approval-request", "approvalId": approval, **of_call, **asked}
            if random.random() < 0.3:
                return
            approved = random.random() < 0.6
            decided = self._maybe(reason=self._words(), providerExecuted=False) | self._meta()
            decision = {"approvalId": approval, "approved": approved, **decided}
            yield {"type": "tool-approval-response", **decision}
            if not approved:
                yield {"type": "tool-output-denied", **of_call}
                return
        for _ in range(random.randrange(3)):
            output = {"output": self.value(2), "preliminary": True}
            yield {"type": "tool-output-available", **of_call, **output}
        match random.randrange(4):
            case 0:
                error = {"errorText": self._words(), **self._meta()}
                yield {"type": "tool-output-error", **of_call, **error}
            case 1 | 2:
                output = {"output": self.value(2), **self._maybe(toolMetadata={"b": 2})}
                yield {"type": "tool-output-available", **of_call, **output, **self._meta()}

    def _data(self) -> Json:
        chunk: Json = {"type": f"data-{self._random.choice('ab')}", "data": self.value(2)}
        if self._random.random() < 0.6:
            chunk["id"] = self._random.choice("xyz")
        if self._random.random() < 0.2:
            chunk["transient"] = True
        return chunk

    def _single(self) -> Json:
        random = self._random
        source = {"sourceId": self._new_id(), **self._maybe(title="A")}
        file = {"url": "data:image/png;base64,iVBORw0KGgo=", "mediaType": "image/png"}
        chunk: Json = random.choice(
            [
                {"type": "source-url", "url": "https://a.example/?q=ü", **source},
                {"type": "source-document", "mediaType": "text/plain", **source, "title": "B"},
                {"type": "file", **file},
                {"type": "reasoning-file", **file},
                {"type": "custom", "kind": "openai.compaction"},
                {
                    "type": "steering-message",
                    "id": self._new_id(),
                    "parts": [{"type": "text", "text": self._words()}],
                },
            ]
        )
        return chunk if chunk["type"] == "steering-message" else {**chunk, **self._meta()}

    def _meta(self, chance: float = 0.25) -> Json:
        if self._random.random() > chance:
            return {}
        return {"providerMetadata": {"openai": {"itemId": self._new_id()}}}

    def _maybe(self, **fields: Any) -> Json:
        return {name: value for name, value in fields.items() if self._random.random() < 0.3}

    def _new_id(self) -> str:
        self._count += 1
        return str(self._count)

    def _new_call(self) -> str:
        """Some providers restart their numbering in each step."""
        fresh = f"call_{len(self._step_calls)}" if self._random.random() < 0.5 else self._new_id()
        self._step_calls.append(fresh)
        return fresh

    def _words(self) -> str:
        return "".join(self._random.choices(_WORDS, k=self._random.randrange(1, 5)))

    def value(self, depth: int) -> Any:
        random = self._random
        match random.randrange(8 if depth else 5):
            case 0:
                return random.choice([None, True, False])
            case 1:
                return random.choice([0, -1, 12.5, 1e-7, -0.25, 123456789012, 1e22])
            case 2 | 3 | 4:
                return self._words()
            case 5:
                return [self.value(depth - 1) for _ in range(random.randrange(4))]
            case _:
                names = random.sample(["a", "b", "a b", 'q"', "ü", "constructor", "1"], k=3)
                return {name: self.value(depth - 1) for name in names}

    def _cut(self, text: str) -> list[str]:
        pieces = []
        while text:
            size = self._random.randrange(1, 9)
            pieces.append(text[:size])
            text = text[size:]
        return pieces

    def broken(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        return text[:at] + self._random.choice(["", "}", "]", '"', ",", "x", "\\"]) + text[at:]


def sequence(seed: int) -> list[Json]:
    return Sequence(seed).chunks()
