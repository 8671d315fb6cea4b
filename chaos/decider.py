"""A user with two tabs and answers that ask for approval: the first decision counts."""

import asyncio
import itertools
import random
import uuid
from time import monotonic
from typing import Any

from chaos.connection import Refused, delays
from chaos.decisions import Decisions, Said
from chaos.device import Device
from chaos.findings import LEFT_OPEN
from chaos.in_step import SETTLED_SECONDS
from chaos.ledger import Cause, Ledger, Life
from chaos.parts import comparable
from chaos.view import Shown
from testbed.approvals import CALLS
from testbed.connection import Json, Unanswered

_LOOK_SECONDS = 0.05
_VANISHING = (0, 0.002, 0.01, 0.03)


class Decider:
    """Requests answers that ask for approval, and decides in two tabs at once."""

    def __init__(self, url: str, seed: str, ledger: Ledger) -> None:
        self._url = url
        self._seed = seed
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._waits = random.Random(f"{seed}/waits")
        self._tabs: list[Device] = []
        self._decisions = Decisions(ledger)
        self._numbers = itertools.count(1)

    async def run(self, enough: asyncio.Event) -> None:
        for number in itertools.count(1):
            self._chance = random.Random(f"{self._seed}/conversation {number}")
            await asyncio.sleep(self._chance.uniform(0, 2))
            if enough.is_set():
                return
            began = monotonic()
            try:
                await self._converse(began)
            except TimeoutError:
                states = [(tab.live, dict(tab.view.open())) for tab in self._tabs]
                self._decisions.violation(LEFT_OPEN, f"after {SETTLED_SECONDS:.0f} s: {states}")
            finally:
                for tab in self._tabs:
                    await tab.close()
                self._tabs = []

    async def _converse(self, began: float) -> None:
        decisions = self._decisions = Decisions(self._ledger)
        first = self._new_tab(None)
        prompt = {"id": uuid.UUID(int=self._chance.getrandbits(128), version=4).hex, "text": "Act"}
        session = await self._until_answered(first, "ai:send", **prompt, model="approvals")
        decisions.conversation = session["conversation"]
        decisions.answer = session["messages"][1]["id"]
        first.show(session)
        second = self._new_tab(first.token)
        second.turn_to(decisions.conversation)
        shown = await self._until("waiting")
        if shown.status != "waiting":
            await self._check(began)
            return
        # meanwhile the servers may go and come back
        await asyncio.sleep(self._chance.choice((0, 0, 0.5, 2, 5)))
        if self._chance.random() < 0.15:
            decisions.left = True
            await self._leave()
        else:
            await asyncio.gather(
                *(self._decide(tab, name) for tab, name in zip(self._tabs, "ab", strict=True))
            )
        self._ledger.actions["answer that waited"] += 1
        await self._until("complete")
        await self._check(began)

    async def _decide(self, tab: Device, name: str) -> None:
        """Approves or denies everything, at once or one by one, whatever the other tab decides."""
        calls = self._chance.sample(CALLS, len(CALLS))
        cut = self._chance.randrange(len(calls))
        for group in filter(None, (calls[:cut], calls[cut:])):
            request = {
                "conversation": self._decisions.conversation,
                "message": self._decisions.answer,
                "approvals": [
                    self._decisions.say(call, Said(self._chance.random() < 0.6, name))
                    for call in group
                ],
            }
            if self._chance.random() < 0.3:
                pause = self._chance.choice(_VANISHING)
                await tab.send_and_vanish("ai:continue", pause, **request)
                self._ledger.disturbances["reply to a decision lost"] += 1
            session = await self._until_answered(tab, "ai:continue", **request)
            self._decisions.see(session["messages"][0]["parts"], "a reply")

    async def _leave(self) -> None:
        """Decides nothing: the user sends another prompt instead, or has had enough."""
        tab, where = self._tabs[0], {"conversation": self._decisions.conversation}
        if self._chance.random() < 0.5:
            self._ledger.actions["prompt while something waits"] += 1
            prompt = uuid.UUID(int=self._chance.getrandbits(128), version=4).hex
            await self._until_answered(
                tab, "ai:send", **where, id=prompt, text="Act", model="approvals"
            )
        else:
            self._ledger.actions["stop while something waits"] += 1
        self._ledger.causes.append(
            Cause("stopped", monotonic(), conversation=where["conversation"])
        )
        await self._until_answered(tab, "ai:stop", **where)

    async def _until(self, status: str) -> Shown:
        """The answer in the first tab, once both show that it waits or has ended."""
        async with asyncio.timeout(SETTLED_SECONDS):
            for tab in self._tabs:
                while not self._shows(tab, status):
                    await asyncio.sleep(_LOOK_SECONDS)
        return self._tabs[0].view.messages[self._decisions.answer]

    def _shows(self, tab: Device, status: str) -> bool:
        shown = tab.view.messages.get(self._decisions.answer)
        if shown is None or not tab.live:
            return False
        return shown.status == status if shown.open else not any(tab.view.open())

    async def _check(self, began: float) -> None:
        decisions = self._decisions
        opened = await self._until_answered(
            self._tabs[0], "ai:open", conversation=decisions.conversation
        )
        stored = next(one for one in opened["messages"] if one["id"] == decisions.answer)
        shown = [tab.view.messages[decisions.answer] for tab in self._tabs]
        decisions.check(
            stored["metadata"]["status"],
            [comparable(part) for part in stored["parts"]],
            {
                f"tab {name}": (seen.status, seen.parts.shown())
                for name, seen in zip("ab", shown, strict=False)
            },
            Life(began, monotonic()),
        )

    async def _until_answered(self, tab: Device, method: str, **request: Any) -> Json:
        waits = delays(self._waits)
        async with asyncio.timeout(SETTLED_SECONDS):
            while True:
                try:
                    return await tab.call(method, **request)
                except Unanswered:
                    pass
                except Refused as error:
                    self._ledger.refusals[error.code] += 1
                    if not error.temporary:
                        raise
                await asyncio.sleep(next(waits))

    def _new_tab(self, token: str | None) -> Device:
        chance = random.Random(f"{self._seed}/tab {next(self._numbers)}")
        tab = Device(self._url, chance, token=token, recovered=self._ledger.device_recovered)
        self._tabs.append(tab)
        return tab
