"""A random user: prompts, tabs, stops and second thoughts, on a failing network."""

import asyncio
import itertools
import random
from time import monotonic

from chaos.device import Device
from chaos.files import NOT_WHOLE, bring_and_fetch
from chaos.in_step import SETTLED_SECONDS, all_shown, left_open
from chaos.ledger import Cause, Ledger, Stop, Violation
from chaos.second_thoughts import SecondThoughts
from chaos.talk import COUNTS, Talk

_LOOK_SECONDS = 0.1
_EVENTS = {
    "nothing": 30,
    "socket cut": 20,
    "away": 10,
    "reload": 10,
    "second device": 10,
    "stop": 8,
    "queue": 8,
    "interrupt": 6,
    "prompt while busy": 3,
    "rename": 3,
    "delete": 2,
    "file": 4,
}


class User:
    """Holds conversations one after another until there are enough.

    seed: determines its actions in each conversation; its waits are drawn separately, because their
        number depends on timing.
    careful: whether its devices check `seq`.
    pace: the longest pause between conversations.
    faulty: whether its network fails, it stops and interrupts, and some of its prompts make the
        model misbehave.
    """

    def __init__(
        self,
        url: str,
        seed: str,
        ledger: Ledger,
        *,
        careful: bool = True,
        faulty: bool = True,
        pace: float = 4.0,
        counts: tuple[int, ...] = COUNTS,
    ) -> None:
        self._url = url
        self._seed = seed
        self._waits = random.Random(f"{seed}/waits")
        self._ledger = ledger
        self._careful = careful
        self._faulty = faulty
        self._pace = pace
        self._devices = itertools.count(1)
        self._device = self._new_device(None)
        self._talk = Talk(ledger, self._device, self._waits, faulty=faulty, counts=counts)
        self._second: Device | None = None
        self._thoughts = SecondThoughts(ledger, self._talk, self._device, self._all_devices)

    async def run(self, enough: asyncio.Event) -> None:
        for number in itertools.count(1):
            self._talk.chance = random.Random(f"{self._seed}/conversation {number}")
            await asyncio.sleep(self._talk.chance.uniform(0, self._pace))
            if enough.is_set():
                break
            await self._converse(enough)
        await self._close(self._device)

    async def _converse(self, enough: asyncio.Event) -> None:
        self._talk.begin()
        session = await self._talk.send()
        if session is None:
            return
        self._device.show(session)
        try:
            for turn in range(self._talk.chance.randint(1, 4)):
                if turn:
                    if enough.is_set():
                        break
                    await self._say()
                await self._meanwhile()
                await self._settled()
                if self._device.gone:
                    break
                if self._faulty and (again := self._talk.chance.random()) < 0.4:
                    await self._thoughts.have(again)
                    await self._settled()
        except TimeoutError:
            self._give_up()
        finally:
            self._show(self._device, "first device")
            if self._second is not None:
                self._show(self._second, "second device")
                await self._close(self._second)
                self._second = None

    async def _meanwhile(self) -> None:
        """Something or nothing happens during the answer."""
        if not self._faulty:
            return
        await asyncio.sleep(self._talk.chance.uniform(0, 1.2))
        for _ in range(self._talk.chance.choice((1, 1, 2))):
            [event] = self._talk.chance.choices(list(_EVENTS), list(_EVENTS.values()))
            await self._happen(event)

    async def _happen(self, event: str) -> None:
        second_again = event == "second device" and self._second is not None
        if event == "nothing" or second_again or self._device.gone:
            return
        match event:
            case "socket cut":
                self._ledger.disturbances[event] += self._device.cut()
                await asyncio.sleep(self._talk.chance.uniform(0, 0.5))
            case "away":
                seconds = self._talk.chance.choice((0.5, 1, 2, 4, 6))
                self._ledger.disturbances[event] += await self._device.stay_away(seconds)
            case "reload":
                self._ledger.disturbances[event] += self._device.forget()
            case _:
                self._ledger.actions[event] += 1
                await self._act(event)

    async def _act(self, event: str) -> None:
        match event:
            case "second device":
                self._second = self._new_device(self._device.token)
                self._second.turn_to(self._talk.conversation)
            case "stop":
                await self._stop()
            case "queue":
                for _ in range(self._talk.chance.randint(1, 4)):
                    await self._say("queue")
            case "interrupt":
                await self._say("interrupt")
            case "prompt while busy":
                await self._say("reject")
            case "rename":
                await self._rename()
            case "delete":
                await self._delete()
            case "file":
                await self._bring_a_file()

    async def _bring_a_file(self) -> None:
        wrong = await bring_and_fetch(self._all_devices(), self._talk.chance, self._waits)
        if wrong is not None:
            self._ledger.violations.append(Violation(NOT_WHOLE, wrong, self._talk.name))

    def _all_devices(self) -> list[Device]:
        return [self._device, *filter(None, [self._second])]

    async def _say(self, when_busy: str = "reject") -> None:
        session = await self._talk.send(when_busy)
        if session is not None:
            self._device.view.add(session)

    async def _stop(self) -> None:
        running = [key for key, m in self._device.view.open() if m.status == "streaming"]
        if not running:
            return
        key, asked_at = running[0], monotonic()
        self._ledger.causes.append(
            Cause("stopped", asked_at, conversation=self._talk.conversation, message=key)
        )
        reply = await self._talk.until_answered("ai:stop", message=key)
        if reply is not None and reply["stopped"] and key in self._talk.prompts:
            mark = self._talk.prompts[key].mark
            self._ledger.stops.append(Stop(mark, key, asked_at, monotonic()))

    async def _rename(self) -> None:
        title = f"Title {self._talk.chance.getrandbits(32):x}"
        self._ledger.titles.pop(self._talk.conversation, None)
        if await self._talk.until_answered("ai:rename", title=title) is not None:
            self._ledger.titles[self._talk.conversation] = title

    async def _delete(self) -> None:
        """Deletes the conversation, whatever runs in it, and waits until all devices know."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while await self._talk.until_answered("ai:delete") is None and not self._device.gone:
                await asyncio.sleep(_LOOK_SECONDS)
            self._ledger.deleted.add(self._talk.conversation)
            for device in self._all_devices():
                while not device.gone:
                    await asyncio.sleep(_LOOK_SECONDS)

    async def _settled(self) -> None:
        """Waits until every device of this user shows every answer to its end."""
        await all_shown(self._all_devices(), SETTLED_SECONDS)

    def _give_up(self) -> None:
        for device in self._all_devices():
            waiting = dict(device.view.open())
            for message in waiting or [""]:
                when = f"{SETTLED_SECONDS:.0f} s after the prompt"
                self._ledger.violations.append(
                    left_open(device, message, when, self._talk.name, self._talk.conversation)
                )

    def _show(self, device: Device, name: str) -> None:
        self._ledger.exhibit(
            self._talk.name, self._talk.conversation, device, name, self._talk.doubt
        )

    def _new_device(self, token: str | None) -> Device:
        device = Device(
            self._url,
            random.Random(f"{self._seed}/device {next(self._devices)}"),
            token=token,
            careful=self._careful,
            recovered=self._ledger.device_recovered,
        )
        self._ledger.devices.add(device)
        return device

    async def _close(self, device: Device) -> None:
        self._ledger.devices.discard(device)
        await device.close()
