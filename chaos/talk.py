"""A user's side of a conversation: calls with as many attempts as needed, on a bad network."""

import asyncio
import itertools
import random
import uuid
from time import monotonic
from typing import Any

from chaos.connection import Refused, delays
from chaos.device import Device
from chaos.ledger import Cause, Doubt, Ledger, Prompt, Violation
from testbed.connection import Json, Unanswered
from testbed.odd_ends import ODD_ENDS

# a call without a reply has its effect within this time or never
_LATE_SECONDS = 10.0
# an interrupted answer ends within this time, and may not have begun before
_EFFECT_SECONDS = 1.0
# few distinct texts, so that the model server keeps few
COUNTS = (40, 80, 120, 200, 300, 400)
# Streams that end like those of odd servers, or replies with something else.
_ODD = (*ODD_ENDS, "/not-sse")
_SEEDS = 12
_VANISHING = (0, 0.002, 0.01, 0.03)


class Talk:
    """One user's calls, and what is known about the present conversation.

    chance: determines what they are.
    waits: determines the pauses between attempts.
    name: the user, once known. The rest is about the present conversation.
    prompts: those that were accepted, by their answers.
    doubt: what a call without a reply may have changed.
    """

    def __init__(
        self,
        ledger: Ledger,
        device: Device,
        waits: random.Random,
        *,
        faulty: bool,
        counts: tuple[int, ...],
    ) -> None:
        self.name = ""
        self.chance = random.Random()
        self.conversation = ""
        self.doubt = Doubt()
        self.prompts: dict[str, Prompt] = {}
        self._ledger = ledger
        self._device = device
        self._waits = waits
        self._faulty = faulty
        self._counts = counts

    def begin(self) -> None:
        """Begins another conversation."""
        self.conversation, self.doubt, self.prompts = "", Doubt(), {}

    async def send(
        self,
        when_busy: str = "reject",
        *,
        replaces: str | None = None,
        twice: bool = True,
    ) -> Json | None:
        """Sends a prompt, with as many attempts as needed; returns None if it is given up."""
        prompt = self._new_prompt()
        request: dict[str, Any] = {"id": prompt.id, "text": prompt.text, "when_busy": when_busy}
        if prompt.model:
            request["model"] = prompt.model
        if self.conversation:
            request["conversation"] = self.conversation
        if replaces is not None:
            request["replaces"] = replaces
        interrupt = Cause("stopped", monotonic(), conversation=self.conversation)
        if when_busy == "interrupt":
            self._ledger.causes.append(interrupt)
        if self._faulty and self.chance.random() < 0.08:
            prompt.uncertain = True
            pause = self.chance.choice(_VANISHING)
            await self._device.send_and_vanish("ai:send", pause, **request)
            self._ledger.disturbances["reply to a prompt lost"] += 1
        twice = twice and self._faulty and self.chance.random() < 0.06
        self._ledger.actions["prompt sent twice at once"] += twice
        session = await self._accepted(prompt, request, 1 + twice)
        interrupt.end = monotonic() + (_LATE_SECONDS if prompt.uncertain else _EFFECT_SECONDS)
        return session

    async def until_answered(self, method: str, **request: Any) -> Json | None:
        """The reply to one of a few attempts on the present conversation."""
        for delay in itertools.islice(delays(self._waits), 5):
            try:
                return await self._device.call(method, conversation=self.conversation, **request)
            except (Unanswered, Refused):
                await asyncio.sleep(delay)
        return None

    async def _accepted(self, prompt: Prompt, request: Json, tries: int) -> Json | None:
        """tries: how many are made at once."""
        waits = delays(self._waits)
        while True:
            try:
                calls = [self._device.call("ai:send", **request) for _ in range(tries)]
                replies = await asyncio.gather(*calls, return_exceptions=True)
                session = self._agreed(prompt, replies)
            except Unanswered:
                prompt.uncertain = True
            except Refused as error:
                prompt.uncertain |= not error.without_effect
                self._ledger.refusals[error.code] += 1
                if not error.temporary or self._waits.random() < 0.1:
                    self._know(prompt)
                    prompt.refused = True
                    self.doubt = self.doubt._replace(more=self.doubt.more or prompt.uncertain)
                    return None
            else:
                self._know(prompt)
                self.conversation = prompt.conversation = session["conversation"]
                if not session["messages"]:
                    # an earlier attempt was accepted, and another version is in view since
                    return None
                prompt.answer = session["messages"][1]["id"]
                self.prompts[prompt.answer] = prompt
                self._ledger.answers += 1
                return session
            await asyncio.sleep(next(waits))

    def _know(self, prompt: Prompt) -> None:
        assert self._device.token is not None
        self.name = prompt.user = self._device.token.rpartition(".")[0]
        self._ledger.tokens[self.name] = self._device.token

    def _agreed(self, prompt: Prompt, replies: list[Json | BaseException]) -> Json:
        """The session that all attempts returned; raises their error if none returned one."""
        sessions = [reply for reply in replies if not isinstance(reply, BaseException)]
        errors = [reply for reply in replies if isinstance(reply, BaseException)]
        if not sessions:
            prompt.uncertain |= any(isinstance(error, Unanswered) for error in errors)
            raise errors[0]
        given = {(s["conversation"], *(m["id"] for m in s["messages"])) for s in sessions}
        if len(given) > 1:
            self._ledger.violations.append(
                Violation("duplicate messages", f"one id, two answers: {given}", prompt.user)
            )
        return sessions[0]

    def _new_prompt(self) -> Prompt:
        prompt = new_prompt(self.name, self.chance, self._counts, faulty=self._faulty)
        self._ledger.prompts.append(prompt)
        return prompt


def new_prompt(
    user: str, chance: random.Random, counts: tuple[int, ...], *, faulty: bool
) -> Prompt:
    """faulty: some prompts make the model misbehave."""
    mark = uuid.UUID(int=chance.getrandbits(128), version=4).hex
    # a third of them from the responder whose answers have parts of all kinds
    by_parts = int(mark[:4], 16) % 3 == 0
    count = chance.choice(counts)
    command, more = f"/tokens {count}", ""
    if faulty:
        kind = chance.random()
        if kind < 0.03:
            command = f"/stall {count}"
        elif kind < 0.06:
            command = f"/{chance.choice(('cut', 'half'))} {count}"
        elif kind < 0.09:
            more = " after=1"
        elif kind < 0.15 and not by_parts:
            command = f"{chance.choice(_ODD)} {count}"
    rate, seed = chance.choice((100, 150, 200, 300)), chance.randrange(_SEEDS)
    text = f"{command} rate={rate} seed={seed} vary=1 mark={mark}{more}"
    return Prompt(user, mark, mark, text, model="parts" if by_parts else "")
