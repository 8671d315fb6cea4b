"""A user of an app with `useChat`: sends prompts by the AI SDK, and checks what its state shows."""

import asyncio
import itertools
import random
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Any

from chaos.app_tab import SETTLED_SECONDS, AppTab
from chaos.apps import Apps
from chaos.findings import LEFT_OPEN
from chaos.ledger import Cause, Doubt, Exhibit, Ledger, Prompt, Violation
from chaos.stored import text_of
from chaos.talk import new_prompt

ANSWER_IN_USECHAT, EDIT_IN_USECHAT = "answer in useChat", "edit in useChat"
_AGAIN_SECONDS = 0.5
# shares of conversations (the first) and of answers
_IN_STEP, _MADE_ANEW, _EDITED = 0.6, 0.15, 0.15
_EVENTS = {"nothing": 30, "socket cut": 30, "reload": 20, "stop": 10}


class AppUser:
    """Holds conversations one after another until there are enough.

    A conversation has one tab with only the AI SDK's chat, or two that are kept in step.
    """

    def __init__(
        self,
        apps: Apps,
        seed: str,
        ledger: Ledger,
        *,
        faulty: bool,
        pace: float,
        counts: tuple[int, ...],
    ) -> None:
        self._apps = apps
        self._seed = seed
        self._ledger = ledger
        self._faulty = faulty
        self._pace = pace
        self._counts = counts
        self._chance = random.Random()
        self._name = ""
        self._tabs: list[AppTab] = []
        self._conversation = ""
        self._doubt = Doubt()
        # those in view, in order
        self._prompts: list[Prompt] = []

    async def run(self, enough: asyncio.Event) -> None:
        for number in itertools.count(1):
            self._chance = random.Random(f"{self._seed}/conversation {number}")
            await asyncio.sleep(self._chance.uniform(0, self._pace))
            if enough.is_set():
                return
            try:
                await self._converse(enough)
            finally:
                self._ledger.devices.difference_update(self._tabs)
            for tab in self._tabs:
                await tab.end()

    async def _converse(self, enough: asyncio.Event) -> None:
        self._conversation, self._doubt, self._tabs, self._prompts = "", Doubt(), [], []
        key = uuid.UUID(int=self._chance.getrandbits(128), version=4).hex
        in_step = self._chance.random() < _IN_STEP
        token = None
        try:
            for name in "ab" if in_step else "a":
                token = await self._open(f"{key} {name}", key, token, in_step=in_step)
            for turn in range(self._chance.randint(1, 4)):
                if turn and enough.is_set():
                    break
                await self._turn(self._chance.choice(self._tabs), in_step=in_step)
        except TimeoutError:
            await self._give_up()
        for tab in self._tabs:
            await self._show(tab, f"{'tab in step' if in_step else 'tab'} {tab.name[-1]} of an app")

    async def _open(self, name: str, key: str, token: str | None, *, in_step: bool) -> str:
        tab = AppTab(self._apps, name, self._ledger.device_recovered)
        token = await tab.begin(key=key, in_step=in_step, token=token)
        self._tabs.append(tab)
        self._ledger.devices.add(tab)
        self._name = token.rpartition(".")[0]
        self._ledger.tokens[self._name] = token
        return token

    async def _turn(self, tab: AppTab, *, in_step: bool) -> None:
        prompt = self._new_prompt()
        asked = {"id": prompt.id, "text": prompt.text, "model": prompt.model}

        async def again() -> Any:
            # if the prompt was accepted and only the reply lost, this makes another answer
            prompt.asked += 1
            return await tab.tell("again", model=prompt.model)

        accepted = await self._accepted(prompt, await tab.tell("send", **asked), again)
        if accepted:
            self._prompts.append(prompt)
        else:
            await tab.tell("drop", id=prompt.id)
        if accepted and self._faulty:
            await asyncio.sleep(self._chance.uniform(0, 1.2))
            [event] = self._chance.choices(list(_EVENTS), list(_EVENTS.values()))
            await self._happen(event, self._chance.choice(self._tabs), prompt)
        await self._settled(prompt)
        if accepted and self._faulty and self._chance.random() < _MADE_ANEW:
            self._ledger.actions["regenerate"] += 1
            if not await self._accepted(prompt, await again(), again):
                await tab.tell("undo")
            await self._settled(prompt)
        if self._prompts and self._faulty and self._chance.random() < _EDITED:
            await self._edit(tab, in_step=in_step)

    async def _edit(self, tab: AppTab, *, in_step: bool) -> None:
        """Replaces a prompt in view; its answer and all after it leave the view."""
        at = self._chance.randrange(len(self._prompts))
        prompt = self._new_prompt()
        asked = {"text": prompt.text, "model": prompt.model}
        edit = partial(tab.tell, "edit", replaced=self._prompts[at].text, **asked)
        # a tab in step shows the stored prompt again, so it needs the text once more
        again = edit if in_step else partial(tab.tell, "again", model=prompt.model)
        self._ledger.actions[EDIT_IN_USECHAT] += 1
        if await self._accepted(prompt, await edit(), again):
            self._prompts[at:] = [prompt]
        else:
            # the edit may be stored all the same, and then others have left the view
            self._prompts = []
            await tab.tell("undo")
        await self._settled(prompt)

    def _new_prompt(self) -> Prompt:
        prompt = new_prompt(self._name, self._chance, self._counts, faulty=self._faulty)
        self._ledger.prompts.append(prompt)
        return prompt

    async def _accepted(
        self, prompt: Prompt, reply: Any, again: Callable[[], Awaitable[Any]]
    ) -> bool:
        """Retries, as an app's button does, until the prompt is accepted or given up."""
        while "refused" in reply:
            refused = reply["refused"]
            # some of the client's own attempts may have had no reply
            prompt.uncertain = True
            self._ledger.refusals[refused["code"]] += 1
            if not refused["temporary"] or self._chance.random() < 0.2:
                prompt.refused = prompt.answer is None
                self._doubt = Doubt(more=True, anew=True)
                return False
            await asyncio.sleep(_AGAIN_SECONDS)
            reply = await again()
        prompt.answer = reply["answer"]
        self._conversation = prompt.conversation = reply["conversation"] or self._conversation
        self._ledger.answers += 1
        self._ledger.actions[ANSWER_IN_USECHAT] += 1
        return True

    async def _happen(self, event: str, tab: AppTab, prompt: Prompt) -> None:
        match event:
            case "socket cut":
                self._ledger.disturbances[event] += await tab.cut()
            case "reload":
                self._ledger.disturbances[event] += 1
                await tab.reload()
            case "stop":
                self._ledger.causes.append(
                    Cause("stopped", monotonic(), message=prompt.answer or "")
                )
                self._ledger.actions[event] += await tab.tell("stop")

    async def _settled(self, prompt: Prompt) -> None:
        """Waits until every tab is at rest and shows every answer, also the last, to its end."""
        for tab in self._tabs:
            await tab.tell("rest", answer=prompt.answer or "")

    async def _give_up(self) -> None:
        for tab in self._tabs:
            state = (await tab.tell("show"))["state"]
            details = f"{SETTLED_SECONDS:.0f} s after the prompt; useChat is {state}"
            self._ledger.violations.append(
                Violation(LEFT_OPEN, details, self._name, self._conversation)
            )

    async def _show(self, tab: AppTab, name: str) -> None:
        seen = await tab.tell("show")
        self._ledger.actions["stream given up and begun whole"] += seen["resumed"]
        messages = seen["messages"]
        shown = {
            one["id"]: (one["role"], text_of(one["parts"]), one.get("metadata", {}).get("status"))
            for one in messages
        }
        parts = {one["id"]: one["parts"] for one in messages}
        place = seen["conversation"] or self._conversation
        if not place:
            # no prompt was accepted: there is nothing to compare with
            return
        read, closed = seen["read"], seen["closed"]
        self._ledger.exhibits.append(
            Exhibit(self._name, place, name, shown, read, closed, self._doubt, parts)
        )
