"""A user with two tabs who is asked before things are done: what the first tab said counts."""

import asyncio
import itertools
import random
import uuid
from time import monotonic
from typing import Any, NamedTuple

from chaos.connection import Json, Refused, Unanswered, delays
from chaos.device import Device
from chaos.findings import LEFT_OPEN, OTHER_PARTS
from chaos.ledger import NOT_AS_DECIDED, TWO_DECISIONS, Cause, Ledger, Life, Violation
from chaos.parts import comparable
from chaos.verdict import WITHOUT_CAUSE
from chaos.view import Shown
from testbed.approvals import ASKED, CALLS, DONE

_SETTLED_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_VANISHING = (0, 0.002, 0.01, 0.03)


class Said(NamedTuple):
    """What a tab said to one request for approval; `reason` names the tab."""

    approved: bool
    reason: str


class Decider:
    """Has answers made that ask, and decides in two tabs at once, until it is enough."""

    def __init__(self, url: str, seed: str, ledger: Ledger) -> None:
        self._url = url
        self._seed = seed
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._waits = random.Random(f"{seed}/waits")
        self._tabs: list[Device] = []
        self._conversation = ""
        self._answer = ""
        self._said: dict[str, list[Said]] = {}
        self._seen: dict[str, Said] = {}
        self._left = False
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
                self._violation(LEFT_OPEN, f"after {_SETTLED_SECONDS:.0f} s: {states}")
            finally:
                for tab in self._tabs:
                    await tab.close()
                self._tabs = []

    async def _converse(self, began: float) -> None:
        self._said, self._seen = {f"ask-{call}": [] for call in CALLS}, {}
        self._left = False
        first = self._new_tab(None)
        prompt = {"id": uuid.UUID(int=self._chance.getrandbits(128), version=4).hex, "text": "Act"}
        session = await self._until_answered(first, "ai:send", **prompt, model="approvals")
        self._conversation, self._answer = session["conversation"], session["messages"][1]["id"]
        first.show(session)
        second = self._new_tab(first.token)
        second.turn_to(self._conversation)
        shown = await self._until("waiting")
        if shown.status != "waiting":
            await self._check(began)
            return
        # the servers may go and come back meanwhile
        await asyncio.sleep(self._chance.choice((0, 0, 0.5, 2, 5)))
        if self._chance.random() < 0.15:
            self._left = True
            await self._leave()
        else:
            await asyncio.gather(
                *(self._decide(tab, name) for tab, name in zip(self._tabs, "ab", strict=True))
            )
        self._ledger.actions["answer that waited"] += 1
        await self._until("complete")
        await self._check(began)

    async def _decide(self, tab: Device, name: str) -> None:
        """Says yes or no to everything, at once or one by one, whatever the other tab says."""
        calls = self._chance.sample(CALLS, len(CALLS))
        cut = self._chance.randrange(len(calls))
        for group in filter(None, (calls[:cut], calls[cut:])):
            said = {f"ask-{call}": Said(self._chance.random() < 0.6, name) for call in group}
            for key, one in said.items():
                self._said[key].append(one)
            request = {
                "conversation": self._conversation,
                "message": self._answer,
                "approvals": [{"id": key, **one._asdict()} for key, one in said.items()],
            }
            if self._chance.random() < 0.3:
                pause = self._chance.choice(_VANISHING)
                await tab.send_and_vanish("ai:continue", pause, **request)
                self._ledger.disturbances["reply to a decision lost"] += 1
            session = await self._until_answered(tab, "ai:continue", **request)
            self._see(session["messages"][0]["parts"], "a reply")

    async def _leave(self) -> None:
        """Decides nothing: the user has something else to say, or enough."""
        tab, where = self._tabs[0], {"conversation": self._conversation}
        if self._chance.random() < 0.5:
            self._ledger.actions["prompt while something waits"] += 1
            prompt = uuid.UUID(int=self._chance.getrandbits(128), version=4).hex
            await self._until_answered(
                tab, "ai:send", **where, id=prompt, text="Act", model="approvals"
            )
        else:
            self._ledger.actions["stop while something waits"] += 1
        self._ledger.causes.append(Cause("stopped", monotonic(), conversation=self._conversation))
        await self._until_answered(tab, "ai:stop", **where)

    async def _until(self, status: str) -> Shown:
        """The answer in the first tab, once both show that it waits, or that all is over."""
        async with asyncio.timeout(_SETTLED_SECONDS):
            for tab in self._tabs:
                while not self._shows(tab, status):
                    await asyncio.sleep(_LOOK_SECONDS)
        return self._tabs[0].view.messages[self._answer]

    def _shows(self, tab: Device, status: str) -> bool:
        shown = tab.view.messages.get(self._answer)
        if shown is None or not tab.live:
            return False
        return shown.status == status if shown.open else not any(tab.view.open())

    def _see(self, parts: list[Json], where: str) -> None:
        """Of each thing one decision is shown, for good, and it is one that a tab has sent."""
        for part in parts:
            approval = part.get("approval", {})
            if "approved" not in approval or self._left:
                continue
            said = Said(approval["approved"], approval.get("reason", ""))
            first = self._seen.setdefault(approval["id"], said)
            if said != first:
                details = f"{approval['id']}: {first}, later in {where} {said}"
                self._violation(TWO_DECISIONS, details)
            elif said not in self._said[approval["id"]]:
                self._violation(NOT_AS_DECIDED, f"{approval['id']}: {said} in {where}")

    async def _check(self, began: float) -> None:
        """What the tabs show and what is stored are one, and as it was decided."""
        opened = await self._until_answered(
            self._tabs[0], "ai:open", conversation=self._conversation
        )
        stored = next(one for one in opened["messages"] if one["id"] == self._answer)
        parts, status = [comparable(part) for part in stored["parts"]], stored["metadata"]["status"]
        for tab, name in zip(self._tabs, "ab", strict=False):
            seen = tab.view.messages[self._answer]
            if (seen.status, seen.parts.shown()) != (status, parts):
                details = f"tab {name}: {seen.status} {seen.parts.shown()}, stored {status} {parts}"
                self._violation(OTHER_PARTS, details)
        self._see(parts, "the end")
        if self._left:
            done = [part for part in parts if part.get("state") == "output-available"]
            if done:
                self._violation(NOT_AS_DECIDED, f"nobody agreed to {done}")
        elif status == "complete":
            self._check_done(parts)
        life = Life(began, monotonic())
        if status != "complete" and not any(
            cause.explains(status, self._conversation, self._answer, life)
            for cause in self._ledger.causes
        ):
            self._violation(WITHOUT_CAUSE, str(status))

    def _check_done(self, parts: list[Json]) -> None:
        wanted: list[Json] = [{"type": "text", "text": ASKED}]
        for call in CALLS:
            approved, reason = self._seen[f"ask-{call}"]
            part = {
                "type": "tool-act",
                "toolCallId": call,
                "input": {"what": call},
                "approval": {"id": f"ask-{call}", "approved": approved, "reason": reason},
                "state": "output-available" if approved else "output-denied",
            }
            wanted.append(part | ({"output": {"by": reason}} if approved else {}))
        wanted.append({"type": "text", "text": DONE})
        if wanted != parts:
            self._violation(NOT_AS_DECIDED, f"should be {wanted}, is {parts}")

    async def _until_answered(self, tab: Device, method: str, **request: Any) -> Json:
        waits = delays(self._waits)
        async with asyncio.timeout(_SETTLED_SECONDS):
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

    def _violation(self, kind: str, details: str) -> None:
        self._ledger.violations.append(
            Violation(kind, details, "", self._conversation, self._answer)
        )
