"""A random file: uploaded in pieces over a failing network, downloaded, and compared."""

import asyncio
import random
from base64 import b64decode, b64encode

from chaos.connection import Refused, delays
from chaos.device import Device
from testbed.connection import Json, Unanswered

NOT_WHOLE = "files that are not whole"
_PIECE = 16_000
_MOST_BYTES = 400_000
_SECONDS = 60.0
_VANISHING = (0, 0.002, 0.01)


async def bring_and_fetch(
    devices: list[Device], chance: random.Random, waits: random.Random
) -> str | None:
    """Uploads a file from all devices at once, and downloads it; returns any defect.

    devices: of one user.
    """
    content = chance.randbytes(chance.randrange(1, _MOST_BYTES))
    upload_id = f"{chance.getrandbits(128):x}"
    try:
        async with asyncio.timeout(_SECONDS):
            seeds = [random.Random(chance.getrandbits(64)) for _ in devices]
            await asyncio.gather(
                *[
                    _bring(device, upload_id, content, seed, waits)
                    for device, seed in zip(devices, seeds, strict=True)
                ]
            )
            found = await _fetch(devices[-1], f"upload:{upload_id}", waits)
    except TimeoutError:
        return f"not there after {_SECONDS:.0f} s"
    except Refused as refusal:
        return f"refused: {refusal}"
    return None if found == content else f"{len(found)} bytes of {len(content)} came back"


async def _bring(
    device: Device, upload_id: str, content: bytes, chance: random.Random, waits: random.Random
) -> None:
    """Uploads until a reply says that all is there; some pieces twice, some only in part."""
    parts = -(-len(content) // _PIECE)
    left = [*range(1, parts + 1)]
    while left:
        part = chance.choice(left)
        piece = {
            "id": upload_id,
            "part": part,
            "parts": parts,
            "bytes": len(content),
            "media_type": "text/plain",
            "data": b64encode(content[(part - 1) * _PIECE : part * _PIECE]).decode(),
        }
        if chance.random() < 0.05:
            await device.send_and_vanish("ai:upload", chance.choice(_VANISHING), **piece)
        reply = await _answered(device, "ai:upload", piece, waits)
        # what another device has uploaded need not be sent again
        left = [] if "url" in reply else reply["missing"]


async def _fetch(device: Device, url: str, waits: random.Random) -> bytes:
    found, parts = [b""], 1
    while len(found) <= parts:
        reply = await _answered(device, "ai:download", {"url": url, "part": len(found)}, waits)
        parts = reply["parts"]
        found.append(b64decode(reply["data"]))
    return b"".join(found)


async def _answered(device: Device, method: str, request: Json, waits: random.Random) -> Json:
    """Raises Refused if another attempt cannot help."""
    for delay in delays(waits):
        try:
            return await device.call(method, **request)
        except Unanswered:
            pass
        except Refused as error:
            if not error.temporary:
                raise
        await asyncio.sleep(delay)
    raise AssertionError("delays have no end")
