"""Uploads as clients call them: what is refused, in one plain sentence, and what is accepted."""

import asyncio
import uuid
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from testbed.client import Json
from testbed.deployment import Deployment
from testbed.door import Door

PIECE = 48_000


@pytest.fixture(scope="module")
def port(infrastructure: Deployment) -> Iterator[int]:
    limits = {
        "MAX_UPLOAD_BYTES": "3000000",
        "MAX_UPLOADS_BYTES": "5000000",
        "CALLS_PER_SECOND": "10",
        "CALLS_AT_ONCE": "4",
    }
    with infrastructure.server(1, **limits) as server:
        yield server.port


@pytest.fixture
async def door(port: int) -> AsyncIterator[Door]:
    async with Door(port) as opened:
        yield opened


def piece_of(content: bytes, part: int = 1, **other: Any) -> Json:
    piece = content[(part - 1) * PIECE : part * PIECE]
    return {
        "id": "file",
        "part": part,
        "parts": -(-len(content) // PIECE),
        "data": b64encode(piece).decode(),
        "media_type": "text/plain",
        "filename": "a.txt",
        "bytes": len(content),
        **other,
    }


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"part": 0}, 400),
        ({"part": 2}, 400),
        ({"part": -1}, 400),
        ({"part": 2**70}, 400),
        ({"parts": 0}, 400),
        ({"parts": 2**70}, 400),
        ({"parts": 2}, 400),
        ({"data": ""}, 400),
        ({"data": "aGk"}, 400),
        ({"data": "a b="}, 400),
        ({"data": "-_-_"}, 400),
        ({"data": b64encode(b"x" * 70_000).decode(), "bytes": 70_000}, 413),
        ({"bytes": 4}, 400),
        ({"bytes": 6}, 400),
        ({"bytes": 0}, 400),
        ({"bytes": 2**70}, 413),
        ({"bytes": 3_000_001, "parts": 63}, 413),
        ({"bytes": None}, 400),
        ({"media_type": None}, 400),
        ({"media_type": "text"}, 400),
        ({"media_type": "application/zip"}, 400),
        ({"media_type": "image/svg+xml"}, 400),
        ({"filename": "x" * 256}, 400),
        ({"id": ""}, 400),
        ({"id": "../a"}, 400),
    ],
)
async def test_what_is_wrong_is_said(door: Door, wrong: Json, code: int) -> None:
    user = str(uuid.uuid4())
    error = (await door.rpc(user, "ai:upload", **piece_of(b"hello", **wrong)))["error"]
    assert error["code"] == code
    assert not error["temporary"]
    assert 0 < len(error["message"]) < 200
    assert error["message"].endswith(".")
    assert await door.rpc(user, "ai:upload", **piece_of(b"hello")) == {"url": "upload:file"}


async def test_a_file_comes_back_to_its_owner_alone(door: Door) -> None:
    user, content = str(uuid.uuid4()), bytes(range(256)) * 400
    kind = "TEXT/plain; charset=utf-8"
    named = {"filename": "C:\\Users\\anna\\a\x00.txt", "media_type": kind}
    first = await door.rpc(user, "ai:upload", **piece_of(content, 1, **named))
    assert first == {"missing": [2, 3]}
    unfinished = await door.rpc(user, "ai:download", url="upload:file")
    assert unfinished["error"]["code"] == 404
    await door.rpc(user, "ai:upload", **piece_of(content, 3, **named))
    last = await door.rpc(user, "ai:upload", **piece_of(content, 2, **named))
    assert last == {"url": "upload:file"}
    found = [await door.rpc(user, "ai:download", url="upload:file", part=n) for n in (1, 2, 3)]
    assert b"".join(b64decode(piece.pop("data")) for piece in found) == content
    told = {"parts": 3, "media_type": "text/plain", "filename": "a.txt", "bytes": len(content)}
    assert found == [told] * 3
    for part in (0, 4, -1):
        wrong = await door.rpc(user, "ai:download", url="upload:file", part=part)
        assert wrong["error"]["code"] == 400
    for other in ({"url": "upload:file"}, {"url": "upload:none"}, {"url": "https://a.example"}):
        refused = await door.rpc(str(uuid.uuid4()), "ai:download", **other)
        assert refused["error"]["code"] == 404


async def test_a_prompt_with_somebody_elses_file_is_refused(door: Door) -> None:
    anna, bert = str(uuid.uuid4()), str(uuid.uuid4())
    await door.rpc(anna, "ai:upload", **piece_of(b"secret"))
    file = {"type": "file", "mediaType": "text/plain", "url": "upload:file"}
    text = {"type": "text", "text": "/tokens 1"}
    refused = await door.rpc(bert, "ai:send", parts=[text, file])
    assert refused["error"]["code"] == 404
    assert (await door.rpc(bert, "ai:list"))["conversations"] == []
    session = await door.rpc(anna, "ai:send", parts=[text, file])
    assert session["messages"][0]["parts"] == [text, file | {"filename": "a.txt"}]


async def test_of_an_upload_what_is_stored_counts(door: Door) -> None:
    user = str(uuid.uuid4())
    await door.rpc(user, "ai:upload", **piece_of(b"hello", filename=None))
    said = {"mediaType": "image/png", "filename": "b.png"}
    file = {"type": "file", "url": "upload:file"}
    text = {"type": "text", "text": "/tokens 1"}
    session = await door.rpc(user, "ai:send", parts=[text, file | said])
    assert session["messages"][0]["parts"] == [text, file | {"mediaType": "text/plain"}]


async def test_a_name_in_a_prompt_is_cleaned_as_that_of_an_upload(door: Door) -> None:
    """A conversation's title may be that name, and PostgreSQL accepts no NUL."""
    file = {"type": "file", "mediaType": "image/png", "url": "https://a.example/b"}
    for name, kept in (("C:\\Users\\anna\\a\0\n.png", {"filename": "a.png"}), ("\0/", {})):
        session = await door.rpc(str(uuid.uuid4()), "ai:send", parts=[file | {"filename": name}])
        assert session["messages"][0]["parts"] == [file | kept]
        assert session["title"] == kept.get("filename", "Image")
    wrong = file | {"mediaType": "image/\0"}
    refused = await door.rpc(str(uuid.uuid4()), "ai:send", parts=[wrong])
    assert refused["error"]["code"] == 400


async def test_all_files_of_a_user_have_a_limit(door: Door) -> None:
    user, content = str(uuid.uuid4()), b"x" * 2_900_000
    first = await door.rpc(user, "ai:upload", **piece_of(content))
    assert len(first["missing"]) == 60
    refused = await door.rpc(user, "ai:upload", **piece_of(content, id="other"))
    assert refused["error"]["code"] == 429
    assert refused["error"]["message"].startswith("You can store 5 MB of files in all.")


async def test_all_files_of_all_visitors_have_a_limit(infrastructure: Deployment) -> None:
    most = {"VISITORS_UPLOADS_BYTES": "20000", "MAX_UPLOAD_BYTES": "15000"}
    with infrastructure.server(2, **most) as server:
        async with Door(server.port) as door:
            refused: Json = {}
            for _ in range(3):
                refused = await door.rpc(f"visitor-{uuid.uuid4()}", "ai:upload", **piece_of(b"a"))
            assert refused["error"]["code"] == 429
            assert refused["error"]["message"].endswith("Try again later.")
            user = str(uuid.uuid4())
            assert "error" not in await door.rpc(user, "ai:upload", **piece_of(b"a"))


async def test_a_file_passes_faster_than_calls_may_come(door: Door) -> None:
    """Its pieces are counted by bytes, and do not count as the user's calls."""
    user, content = str(uuid.uuid4()), b"x" * 2_400_000

    async def some(parts: range) -> None:
        for part in parts:
            reply = await door.rpc(user, "ai:upload", **piece_of(content, part))
            assert "error" not in reply

    await asyncio.gather(some(range(1, 26)), some(range(26, 51)))
    assert (await door.rpc(user, "ai:upload", **piece_of(content)))["url"] == "upload:file"
    # the same user's other calls, meanwhile
    assert "error" not in await door.rpc(user, "ai:list")
