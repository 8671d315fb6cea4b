"""A user of an app with `useChat` in two tabs, whose answers ask for approval."""

import asyncio
import itertools
import random
import uuid
from time import monotonic
from typing import Any

from chaos.app_tab import SETTLED_SECONDS, AppTab
from chaos.apps import Apps
from chaos.connection import Refused, delays
from chaos.decisions import Decisions, Said
from chaos.device import Device
from chaos.findings import LEFT_OPEN
from chaos.ledger import Ledger, Life
from chaos.parts import comparable
from testbed.approvals import CALLS
from testbed.connection import Json, Unanswered

WAITED_IN_USECHAT = "answer that waited in useChat"
_AGAIN_SECONDS = 0.5
_EVENTS = {"nothing": 50, "socket cut": 30, "reload": 20}


class AppDecider:
    """Requests answers that ask for approval, and decides in two tabs at once."""

    def __init__(self, apps: Apps, url: str, seed: str, ledger: Ledger) -> None:
        self._apps = apps
        self._url = url
        self._seed = seed
        self._ledger = ledger
        self._chance = random.Random()
        self._tabs: list[AppTab] = []
        self._token = ""
        self._decisions = Decisions(ledger)

    async def run(self, enough: asyncio.Event) -> None:
        for number in itertools.count(1):
            self._chance = random.Random(f"{self._seed}/conversation {number}")
            await asyncio.sleep(self._chance.uniform(0, 2))
            if enough.is_set():
                return
            self._tabs, self._decisions = [], Decisions(self._ledger)
            began = monotonic()
            try:
                await self._converse(began)
            except TimeoutError:
                states = [(await tab.tell("show"))["state"] for tab in self._tabs]
                details = f"after {SETTLED_SECONDS:.0f} s: useChat is {states}"
                self._decisions.violation(LEFT_OPEN, details)
            finally:
                self._ledger.devices.difference_update(self._tabs)
            for tab in self._tabs:
                await tab.end()

    async def _converse(self, began: float) -> None:
        key, prompt = (
            uuid.UUID(int=self._chance.getrandbits(128), version=4).hex for _ in range(2)
        )
        token = None
        for name in "ab":
            tab = AppTab(self._apps, f"{key} {name}", self._ledger.device_recovered)
            token = self._token = await tab.begin(key=key, in_step=True, token=token)
            self._tabs.append(tab)
            self._ledger.devices.add(tab)
        first = self._tabs[0]
        reply = await first.tell("send", id=prompt, text="Act", model="approvals")
        while "refused" in reply:
            await self._refused(reply)
            reply = await first.tell("again", model="approvals")
        self._decisions.conversation = reply["conversation"]
        answer = self._decisions.answer = reply["answer"]
        statuses = {await tab.tell("decided", answer=answer) for tab in self._tabs}
        if statuses == {"waiting"}:
            # meanwhile the servers may go and come back
            await asyncio.sleep(self._chance.choice((0, 0, 0.5, 2, 5)))
            await asyncio.gather(
                *(self._decide(tab, name) for tab, name in zip(self._tabs, "ab", strict=True))
            )
            self._ledger.actions[WAITED_IN_USECHAT] += 1
        for tab in self._tabs:
            await tab.tell("rest", answer=answer)
        await self._check(began)

    async def _decide(self, tab: AppTab, name: str) -> None:
        """Approves or denies everything, at once or one by one, whatever the other tab decides."""
        calls = self._chance.sample(CALLS, len(CALLS))
        cut = self._chance.randrange(len(calls))
        for group in filter(None, (calls[:cut], calls[cut:])):
            await self._happen(tab)
            said = [
                self._decisions.say(call, Said(self._chance.random() < 0.6, name)) for call in group
            ]
            approvals: list[Json] = said
            while True:
                answer = self._decisions.answer
                reply = await tab.tell("decide", answer=answer, approvals=approvals)
                if reply is None or "refused" not in reply:
                    break
                await self._refused(reply)
                # already set in the message: they only need to be sent again
                approvals = []

    async def _happen(self, tab: AppTab) -> None:
        [event] = self._chance.choices(list(_EVENTS), list(_EVENTS.values()))
        match event:
            case "socket cut":
                self._ledger.disturbances[event] += await tab.cut()
            case "reload":
                self._ledger.disturbances[event] += 1
                await tab.reload()

    async def _refused(self, reply: Any) -> None:
        self._ledger.refusals[reply["refused"]["code"]] += 1
        await asyncio.sleep(_AGAIN_SECONDS)

    async def _check(self, began: float) -> None:
        stored = await self._stored()
        shown = {}
        for tab, name in zip(self._tabs, "ab", strict=True):
            messages = (await tab.tell("show"))["messages"]
            seen = next(one for one in messages if one["id"] == self._decisions.answer)
            parts = [comparable(part) for part in seen["parts"]]
            shown[f"tab {name} of an app"] = (seen["metadata"]["status"], parts)
        self._decisions.check(
            stored["metadata"]["status"],
            [comparable(part) for part in stored["parts"]],
            shown,
            Life(began, monotonic()),
        )

    async def _stored(self) -> Json:
        """The answer as the service returns it to a separate device."""
        chance = random.Random(f"{self._seed}/device")
        device = Device(self._url, chance, token=self._token, recovered=lambda _: None)
        waits = delays(chance)
        conversation, key = self._decisions.conversation, self._decisions.answer
        async with asyncio.timeout(SETTLED_SECONDS):
            try:
                while True:
                    try:
                        opened = await device.call("ai:open", conversation=conversation)
                        return next(one for one in opened["messages"] if one["id"] == key)
                    except (Unanswered, Refused):
                        await asyncio.sleep(next(waits))
            finally:
                await device.close()
