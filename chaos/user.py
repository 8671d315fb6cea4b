"""A user at random: prompts, tabs, stops and second thoughts, on a network that fails."""

import asyncio
import itertools
import random
import uuid
from time import monotonic
from typing import Any

from chaos.connection import Json, Refused, Unanswered
from chaos.device import Device, delays
from chaos.files import NOT_WHOLE, bring_and_fetch
from chaos.ledger import Cause, Doubt, Ledger, Prompt, Stop, Violation

# nothing legitimate takes as long: the longest answers, after the longest fault
_SETTLED_SECONDS = 60.0
_LOOK_SECONDS = 0.1
# a call without a reply has its effect within this time, or none
_LATE_SECONDS = 10.0
# an interrupted answer ends within this time, and may not have begun before
_EFFECT_SECONDS = 1.0
# few texts, so that the model server keeps few
COUNTS = (40, 80, 120, 200, 300, 400)
_SEEDS = 12
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
_VANISHING = (0, 0.002, 0.01, 0.03)


class User:
    """Holds conversations one after the other until it is enough.

    seed: names what it does in each conversation; its waits are drawn apart from that, because how
    many there are is a matter of time.
    careful: its devices look at `seq`. pace: the longest pause between conversations.
    faulty: its network fails, it stops and interrupts, and some of its prompts are not for the
        model to answer well.
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
        self._chance = random.Random(seed)
        self._waits = random.Random(f"{seed}/waits")
        self._ledger = ledger
        self._careful = careful
        self._faulty = faulty
        self._pace = pace
        self._counts = counts
        self._devices = itertools.count(1)
        self._device = self._new_device(None)
        self._second: Device | None = None
        self._name = ""
        self._conversation = ""
        self._doubt = Doubt()
        self._prompts: dict[str, Prompt] = {}

    async def run(self, enough: asyncio.Event) -> None:
        for number in itertools.count(1):
            self._chance = random.Random(f"{self._seed}/conversation {number}")
            await asyncio.sleep(self._chance.uniform(0, self._pace))
            if enough.is_set():
                break
            await self._converse(enough)
        await self._close(self._device)

    async def _converse(self, enough: asyncio.Event) -> None:
        self._doubt, self._prompts, self._conversation = Doubt(), {}, ""
        session = await self._send()
        if session is None:
            return
        self._device.show(session)
        try:
            for turn in range(self._chance.randint(1, 4)):
                if turn:
                    if enough.is_set():
                        break
                    await self._say()
                await self._meanwhile()
                await self._settled()
                if self._device.gone:
                    break
                if self._faulty and (again := self._chance.random()) < 0.4:
                    await self._think_again(again)
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
        """Something or nothing happens in mid-answer."""
        if not self._faulty:
            return
        await asyncio.sleep(self._chance.uniform(0, 1.2))
        for _ in range(self._chance.choice((1, 1, 2))):
            [event] = self._chance.choices(list(_EVENTS), list(_EVENTS.values()))
            await self._happen(event)

    async def _happen(self, event: str) -> None:
        second_again = event == "second device" and self._second is not None
        if event == "nothing" or second_again or self._device.gone:
            return
        match event:
            case "socket cut":
                self._disturbed(event, self._device.cut())
                await asyncio.sleep(self._chance.uniform(0, 0.5))
            case "away":
                seconds = self._chance.choice((0.5, 1, 2, 4, 6))
                self._disturbed(event, await self._device.stay_away(seconds))
            case "reload":
                self._disturbed(event, self._device.forget())
            case _:
                self._ledger.actions[event] += 1
                await self._act(event)

    def _disturbed(self, what: str, met: bool) -> None:
        self._ledger.disturbances[what] += met

    async def _act(self, event: str) -> None:
        match event:
            case "second device":
                self._second = self._new_device(self._device.token)
                self._second.open(self._conversation)
            case "stop":
                await self._stop()
            case "queue":
                for _ in range(self._chance.randint(1, 4)):
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
        devices = [self._device, *filter(None, [self._second])]
        wrong = await bring_and_fetch(devices, self._chance, self._waits)
        if wrong is not None:
            self._ledger.violations.append(Violation(NOT_WHOLE, wrong, self._name))

    async def _say(self, when_busy: str = "reject") -> None:
        session = await self._send(self._conversation, when_busy)
        if session is not None:
            self._device.view.add(session)

    async def _think_again(self, chance: float) -> None:
        if chance < 0.12:
            await self._regenerate()
        elif chance < 0.22:
            await self._edit()
        elif chance < 0.26:
            # whoever comes second is refused, or its prompt is one more version
            self._ledger.actions["two edits at once"] += 1
            prompts = self._shown_prompts()
            await asyncio.gather(*(self._edit(prompts, twice=False) for _ in range(2)))
        else:
            await self._choose()

    def _shown_prompts(self) -> list[str]:
        return [key for key, m in self._device.view.messages.items() if m.role == "user"]

    async def _edit(self, prompts: list[str] | None = None, *, twice: bool = True) -> None:
        """prompts: of which one is edited, by default those that are shown."""
        shown = self._shown_prompts() if prompts is None else prompts
        if not shown or self._device.gone:
            return
        self._ledger.actions["edit"] += 1
        replaced = shown[-1] if not twice else self._chance.choice(shown)
        session = await self._send(self._conversation, replaces=replaced, twice=twice)
        if session is None:
            return
        if self._device.view.leave_from(replaced):
            self._device.view.add(session)
        else:
            self._device.look_again()

    async def _choose(self) -> None:
        """Another version of something comes into view, and every device learns of it."""
        session = await self._until_answered("ai:open")
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
        chosen = self._chance.choice(versions)
        if await self._until_answered("ai:choose", message=chosen) is None:
            self._doubt = Doubt(more=True, anew=True)
            return
        async with asyncio.timeout(_SETTLED_SECONDS):
            for device in filter(None, (self._device, self._second)):
                while not device.gone and chosen not in device.view.messages:
                    await asyncio.sleep(_LOOK_SECONDS)

    async def _send(
        self,
        conversation: str | None = None,
        when_busy: str = "reject",
        *,
        replaces: str | None = None,
        twice: bool = True,
    ) -> Json | None:
        """Has a prompt accepted, with as many tries as it takes; None where it is given up."""
        prompt = self._new_prompt()
        request: dict[str, Any] = {"id": prompt.id, "text": prompt.text, "when_busy": when_busy}
        if prompt.model:
            request["model"] = prompt.model
        if conversation is not None:
            request["conversation"] = conversation
        if replaces is not None:
            request["replaces"] = replaces
        interrupt = Cause("stopped", monotonic(), conversation=conversation or "")
        if when_busy == "interrupt":
            self._ledger.causes.append(interrupt)
        if self._faulty and self._chance.random() < 0.08:
            prompt.uncertain = True
            pause = self._chance.choice(_VANISHING)
            await self._device.send_and_vanish("ai:send", pause, **request)
            self._disturbed("reply to a prompt lost", True)
        twice = twice and self._faulty and self._chance.random() < 0.06
        self._ledger.actions["prompt sent twice at once"] += twice
        session = await self._accepted(prompt, request, 1 + twice)
        interrupt.end = monotonic() + (_LATE_SECONDS if prompt.uncertain else _EFFECT_SECONDS)
        return session

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
                    self._doubt = self._doubt._replace(more=self._doubt.more or prompt.uncertain)
                    return None
            else:
                self._know(prompt)
                self._conversation = prompt.conversation = session["conversation"]
                if not session["messages"]:
                    # accepted by an earlier try, and another version is in view since
                    return None
                prompt.answer = session["messages"][1]["id"]
                self._prompts[prompt.answer] = prompt
                self._ledger.answers += 1
                return session
            await asyncio.sleep(next(waits))

    def _know(self, prompt: Prompt) -> None:
        assert self._device.token is not None
        self._name = prompt.user = self._device.token.rpartition(".")[0]
        self._ledger.tokens[self._name] = self._device.token

    def _agreed(self, prompt: Prompt, replies: list[Json | BaseException]) -> Json:
        """The session that all tries gave; raises what any of them raised if none gave one."""
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

    async def _stop(self) -> None:
        running = [key for key, m in self._device.view.open() if m.status == "streaming"]
        if not running:
            return
        key, asked_at = running[0], monotonic()
        self._ledger.causes.append(
            Cause("stopped", asked_at, conversation=self._conversation, message=key)
        )
        reply = await self._until_answered("ai:stop", message=key)
        if reply is not None and reply["stopped"] and key in self._prompts:
            mark = self._prompts[key].mark
            self._ledger.stops.append(Stop(mark, key, asked_at, monotonic()))

    async def _rename(self) -> None:
        title = f"Title {self._chance.getrandbits(32):x}"
        self._ledger.titles.pop(self._conversation, None)
        if await self._until_answered("ai:rename", title=title) is not None:
            self._ledger.titles[self._conversation] = title

    async def _delete(self) -> None:
        """Deletes the conversation, whatever runs in it, and waits until all devices know."""
        async with asyncio.timeout(_SETTLED_SECONDS):
            while await self._until_answered("ai:delete") is None and not self._device.gone:
                await asyncio.sleep(_LOOK_SECONDS)
            self._ledger.deleted.add(self._conversation)
            for device in filter(None, (self._device, self._second)):
                while not device.gone:
                    await asyncio.sleep(_LOOK_SECONDS)

    async def _until_answered(self, method: str, **request: Any) -> Json | None:
        """The reply to one of a few tries about the present conversation."""
        for delay in itertools.islice(delays(self._waits), 5):
            try:
                return await self._device.call(method, conversation=self._conversation, **request)
            except (Unanswered, Refused):
                await asyncio.sleep(delay)
        return None

    async def _regenerate(self) -> None:
        answers = [key for key, m in self._device.view.messages.items() if m.role == "assistant"]
        if not answers or answers[-1] not in self._prompts or self._device.gone:
            return
        self._ledger.actions["regenerate"] += 1
        prompt = self._prompts[answers[-1]]
        prompt.asked += 1
        try:
            # named: a device that has missed a prompt may take another answer for the last
            session = await self._device.call(
                "ai:regenerate", conversation=self._conversation, message=answers[-1]
            )
        except Unanswered:
            self._doubt = self._doubt._replace(anew=True)
        except Refused as error:
            prompt.asked -= error.without_effect
            if not error.without_effect:
                self._doubt = self._doubt._replace(anew=True)
        else:
            self._device.view.add(session)
            self._prompts[session["messages"][0]["id"]] = prompt
            self._ledger.answers += 1

    async def _settled(self) -> None:
        """Waits until every device of this user shows every answer to its end."""
        async with asyncio.timeout(_SETTLED_SECONDS):
            for device in filter(None, (self._device, self._second)):
                while not device.gone and (not device.live or any(device.view.open())):
                    await asyncio.sleep(_LOOK_SECONDS)

    def _give_up(self) -> None:
        for device in filter(None, (self._device, self._second)):
            waiting = dict(device.view.open())
            for message in waiting or [""]:
                state = "live" if device.live else f"not live ({device.refusal})"
                self._ledger.violations.append(
                    Violation(
                        "messages left open",
                        f"{_SETTLED_SECONDS:.0f} s after the prompt; the device is {state}",
                        self._name,
                        self._conversation,
                        message,
                    )
                )

    def _show(self, device: Device, name: str) -> None:
        self._ledger.exhibit(self._name, self._conversation, device, name, self._doubt)

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

    def _new_prompt(self) -> Prompt:
        mark = uuid.UUID(int=self._chance.getrandbits(128), version=4).hex
        count = self._chance.choice(self._counts)
        command, more = f"/tokens {count}", ""
        if self._faulty:
            kind = self._chance.random()
            if kind < 0.03:
                command = f"/stall {count}"
            elif kind < 0.06:
                command = f"/{self._chance.choice(('cut', 'half'))} {count}"
            elif kind < 0.09:
                more = " after=1"
        rate, seed = self._chance.choice((100, 150, 200, 300)), self._chance.randrange(_SEEDS)
        text = f"{command} rate={rate} seed={seed} vary=1 mark={mark}{more}"
        # a third of them from the responder whose answers have parts of all kinds
        model = "parts" if int(mark[:4], 16) % 3 == 0 else ""
        prompt = Prompt(self._name, mark, mark, text, model=model)
        self._ledger.prompts.append(prompt)
        return prompt
