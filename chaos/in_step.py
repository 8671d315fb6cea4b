"""Whether all devices show what is published: after each fault, and all the time."""

import asyncio
from collections.abc import Iterable
from time import monotonic

from chaos.device import Device
from chaos.findings import LEFT_OPEN
from chaos.ledger import Ledger, Recovery, Violation
from chaos.watched import Watched

IN_STEP_SECONDS = 10.0
# nothing legitimate takes this long: the longest answers, after the longest fault
SETTLED_SECONDS = 60.0
_CALM = f"nothing was broken for {IN_STEP_SECONDS:.0f} s, and nothing came"
_LOOK_SECONDS = 0.05
# what was in flight when a part broke may still arrive
_IN_FLIGHT_SECONDS = 0.5
_STALL_SECONDS = 1.0


class InStep:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def wait(self, after: str, since: float, *, borne: bool = False) -> None:
        """Waits until every device is live, and every answer has ended or grown since then."""
        pending = set(self._ledger.devices)
        heard_since = since + _IN_FLIGHT_SECONDS if borne else since
        while pending := {one for one in pending if self._behind(one, heard_since)}:
            if monotonic() - max(since, self._ledger.calm_since()) > IN_STEP_SECONDS:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        seconds = monotonic() - max(since, self._ledger.calm_since())
        self._ledger.recoveries.append(Recovery(seconds, after, borne))

    def _behind(self, device: Watched, since: float) -> bool:
        if device not in self._ledger.devices or device.away or device.idle:
            return False
        return not device.live or bool(device.silent(since))

    async def watch(self) -> None:
        """Looks for users who wait although nothing has been broken for long, until canceled."""
        told: set[tuple[Watched, str]] = set()
        looked_at = monotonic()
        while True:
            if monotonic() - looked_at > _STALL_SECONDS:
                self._ledger.stalls.append(monotonic())
            looked_at = monotonic()
            calm = self._ledger.calm_since()
            for device in self._ledger.devices:
                for message in _left_waiting(device, calm):
                    if (device, message) not in told:
                        told.add((device, message))
                        self._ledger.violations.append(left_open(device, message, _CALM))
            await asyncio.sleep(5 * _LOOK_SECONDS)


def _left_waiting(device: Watched, calm_since: float) -> list[str]:
    """Answers that have stalled for too long; an empty name if the device is not live."""
    long_ago = monotonic() - IN_STEP_SECONDS
    calm_since = max(calm_since, device.home_since, device.disturbed_at or 0)
    if device.idle or device.away or calm_since > long_ago:
        return []
    if device.live:
        return device.silent(long_ago)
    # it may be opening again at this moment, for another version that came into view
    return [""] if device.behind_since <= long_ago else []


def left_open(
    device: Watched, message: str, when: str, user: str = "", conversation: str = ""
) -> Violation:
    """message: that is open; none if the device is not in step."""
    state = "live" if device.live else f"not live ({device.refusal})"
    where = conversation or device.conversation or ""
    return Violation(LEFT_OPEN, f"{when}; the device is {state}", user, where, message)


async def all_shown(devices: Iterable[Device], seconds: float) -> None:
    """Waits until they show every answer to its end. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        for device in devices:
            while not device.gone and (not device.live or any(device.view.open())):
                await asyncio.sleep(_LOOK_SECONDS)
