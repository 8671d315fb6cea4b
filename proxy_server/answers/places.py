"""The parts of an answer that its chunks may refer to."""

from dataclasses import dataclass

from proxy_server.answers.said import Said
from proxy_server.protocol.shapes import WrongShapeError


@dataclass(eq=False, slots=True)
class Place:
    """A part that was sent or waits, and what was said of it."""

    said: list[Said]
    growing: bool = False
    tool: bool = False
    sent: bool = False


@dataclass(eq=False, slots=True)
class Call:
    place: Place
    dynamic: bool
    streaming: bool


class Calls:
    """Tool calls by step, and their approval requests; looked up as the AI SDK does."""

    def __init__(self) -> None:
        self._steps: list[dict[str, Call]] = [{}]
        self._asked: dict[str, Call] = {}

    @property
    def step(self) -> int:
        return len(self._steps)

    def begin_step(self) -> None:
        self._steps.append({})

    def reset_step(self) -> None:
        """Forgets the calls of this step and the inputs that were growing."""
        gone = [*self._steps[-1].values()]
        self._steps[-1].clear()
        for step in self._steps:
            for call in step.values():
                call.streaming = False
        self._asked = {key: call for key, call in self._asked.items() if call not in gone}

    def begin(self, call_id: str, call: Call) -> None:
        self._steps[-1][call_id] = call

    def in_step(self, call_id: str) -> Call | None:
        return self._steps[-1].get(call_id)

    def latest(self, call_id: str) -> Call:
        """The call with that id: in this step, or else the last one."""
        for step in reversed(self._steps):
            if call_id in step:
                return step[call_id]
        raise WrongShapeError("there is no call with its toolCallId")

    def ask(self, approval_id: str, call: Call) -> None:
        if approval_id in self._asked:
            raise WrongShapeError("its approvalId is already in use")
        self._asked[approval_id] = call

    def asked(self, approval_id: str) -> Call:
        if approval_id not in self._asked:
            raise WrongShapeError("no approval was requested with its approvalId")
        return self._asked[approval_id]
