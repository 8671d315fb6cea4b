"""What a user does with a conversation that is at rest: regenerates, edits, chooses versions."""

import asyncio
from collections.abc import Callable

from chaos.connection import Refused
from chaos.device import Device
from chaos.in_step import SETTLED_SECONDS
from chaos.ledger import Doubt, Ledger
from chaos.talk import Talk
from testbed.connection import Unanswered

_LOOK_SECONDS = 0.1


class SecondThoughts:
    """devices: all that the user has at present; the first is the one that acts."""

    def __init__(
        self, ledger: Ledger, talk: Talk, device: Device, devices: Callable[[], list[Device]]
    ) -> None:
        self._ledger = ledger
        self._talk = talk
        self._device = device
        self._devices = devices

    async def have(self, chance: float) -> None:
        if chance < 0.12:
            await self._regenerate()
        elif chance < 0.22:
            await self._edit()
        elif chance < 0.26:
            # the second one is refused, or its prompt is one more version
            self._ledger.actions["two edits at once"] += 1
            prompts = self._shown_prompts()
            await asyncio.gather(*(self._edit(prompts, twice=False) for _ in range(2)))
        else:
            await self._choose()

    def _shown_prompts(self) -> list[str]:
        return [key for key, m in self._device.view.messages.items() if m.role == "user"]

    async def _edit(self, prompts: list[str] | None = None, *, twice: bool = True) -> None:
        """prompts: of which one is edited; by default those that are shown."""
        shown = self._shown_prompts() if prompts is None else prompts
        if not shown or self._device.gone:
            return
        self._ledger.actions["edit"] += 1
        replaced = shown[-1] if not twice else self._talk.chance.choice(shown)
        session = await self._talk.send(replaces=replaced, twice=twice)
        if session is None:
            return
        if self._device.view.leave_from(replaced):
            self._device.view.add(session)
        else:
            self._device.look_again()

    async def _choose(self) -> None:
        """Brings another version into view, and checks that every device follows."""
        session = await self._talk.until_answered("ai:open")
        messages = session["messages"] if session is not None else []
        versions = [
            key
            for message in messages
            for key in message["metadata"].get("versions", ())
            if key != message["id"]
        ]
        if not versions or self._device.gone:
            return
        self._ledger.actions["choose"] += 1
        chosen = self._talk.chance.choice(versions)
        if await self._talk.until_answered("ai:choose", message=chosen) is None:
            self._talk.doubt = Doubt(more=True, anew=True)
            return
        async with asyncio.timeout(SETTLED_SECONDS):
            for device in self._devices():
                while not device.gone and chosen not in device.view.messages:
                    await asyncio.sleep(_LOOK_SECONDS)

    async def _regenerate(self) -> None:
        answers = [key for key, m in self._device.view.messages.items() if m.role == "assistant"]
        if not answers or answers[-1] not in self._talk.prompts or self._device.gone:
            return
        self._ledger.actions["regenerate"] += 1
        prompt = self._talk.prompts[answers[-1]]
        prompt.asked += 1
        try:
            # by name: a device that missed a prompt may regard another answer as the last
            session = await self._device.call(
                "ai:regenerate", conversation=self._talk.conversation, message=answers[-1]
            )
        except Unanswered:
            self._talk.doubt = self._talk.doubt._replace(anew=True)
        except Refused as error:
            prompt.asked -= error.without_effect
            if not error.without_effect:
                self._talk.doubt = self._talk.doubt._replace(anew=True)
        else:
            self._device.view.add(session)
            self._talk.prompts[session["messages"][0]["id"]] = prompt
            self._ledger.answers += 1
