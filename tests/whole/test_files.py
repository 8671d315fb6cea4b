"""A file through the whole system: over the websocket, to the model, to another device."""

import asyncio
import random
import uuid
from base64 import b64decode, b64encode

from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.waiting import until

PIECE = 48_000


async def upload(
    client: Client, content: bytes, media_type: str, filename: str = "a" * 255, seed: int = 1
) -> str:
    """Uploads the pieces in random order, some of them twice and two at a time."""
    count = -(-len(content) // PIECE)
    order = [*range(count), *range(0, count, 3)]
    random.Random(seed).shuffle(order)
    upload_id = str(uuid.uuid4())
    waiting, urls = iter(order), set[str]()

    async def some() -> None:
        for at in waiting:
            reply = await client.rpc(
                "ai:upload",
                id=upload_id,
                part=at + 1,
                parts=count,
                data=b64encode(content[at * PIECE : (at + 1) * PIECE]).decode(),
                media_type=media_type,
                filename=filename,
                bytes=len(content),
            )
            assert "error" not in reply, reply
            if "url" in reply:
                urls.add(reply["url"])

    await asyncio.gather(some(), some())
    (url,) = urls
    return url


async def download(client: Client, url: str) -> bytes:
    first = await client.rpc("ai:download", url=url)
    rest = [
        await client.rpc("ai:download", url=url, part=part) for part in range(2, first["parts"] + 1)
    ]
    return b"".join(b64decode(piece["data"]) for piece in [first, *rest])


def file_part(url: str, media_type: str) -> Json:
    return {"type": "file", "mediaType": media_type, "url": url}


async def test_the_model_is_given_what_was_uploaded(deployment: Deployment, client: Client) -> None:
    picture, words = random.Random(1).randbytes(1_000_003), "line\n" * 20_000
    image = await upload(client, picture, "image/png")
    text = await upload(client, words.encode(), "text/plain", "a.txt")
    mark = uuid.uuid4().hex
    parts = [
        file_part(image, "image/png"),
        file_part(text, "text/plain"),
        {"type": "text", "text": f"/tokens 3 mark={mark}"},
    ]
    session = await client.rpc("ai:send", parts=parts)
    assert (await client.follow(session))["closing"]["type"] == "finish"
    (asked,) = await deployment.asked(mark=mark)
    given_image, given_text, _ = asked["messages"][-1]["content"]
    head, _, data = given_image["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert b64decode(data) == picture
    assert given_text["text"] == f'<file name="a.txt">\n{words}\n</file>'

    # the next prompt's answer gets the image, which costs little of the budget, but not the text,
    # which exceeds it
    again = uuid.uuid4().hex
    conversation = session["conversation"]
    next_session = await client.rpc(
        "ai:send", conversation=conversation, text=f"/tokens 1 mark={again}"
    )
    await client.command("unsubscribe", {"channel": session["channel"]})
    await client.follow(next_session)
    (asked,) = await deployment.asked(mark=again)
    assert len(asked["messages"]) == 1

    # another device of the same user
    other = await deployment.connect(token=client.hello["data"]["token"])
    opened = await other.rpc("ai:open", conversation=conversation)
    shown = opened["messages"][0]["parts"][0]
    assert shown == file_part(image, "image/png") | {"filename": "a" * 255}
    assert await download(other, shown["url"]) == picture
    await other.rpc("ai:delete", conversation=conversation)
    assert (await other.rpc("ai:download", url=image))["error"]["code"] == 404
    await other.close()


async def test_a_picture_of_an_earlier_turn_is_given_again(
    deployment: Deployment, client: Client
) -> None:
    picture = random.Random(2).randbytes(300_000)
    url = await upload(client, picture, "image/jpeg")
    first = await client.rpc(
        "ai:send",
        parts=[file_part(url, "image/jpeg"), {"type": "text", "text": "/tokens 1"}],
    )
    await client.follow(first)
    await client.command("unsubscribe", {"channel": first["channel"]})
    mark = uuid.uuid4().hex
    second = await client.rpc(
        "ai:send", conversation=first["conversation"], text=f"/tokens 1 mark={mark}"
    )
    await client.follow(second)
    (asked,) = await deployment.asked(mark=mark)
    given = asked["messages"][0]["content"][0]["image_url"]["url"]
    assert b64decode(given.partition(",")[2]) == picture


async def test_the_pieces_of_a_deleted_file_leave_the_database(
    deployment: Deployment, client: Client
) -> None:
    """In the background: its id is free again once they have."""
    upload_id = str(uuid.uuid4())
    piece = {
        "id": upload_id,
        "part": 1,
        "parts": 1,
        "data": b64encode(b"hello").decode(),
        "media_type": "text/plain",
        "bytes": 5,
    }
    url = (await client.rpc("ai:upload", **piece))["url"]
    parts = [file_part(url, "text/plain"), {"type": "text", "text": "/tokens 1"}]
    session = await client.rpc("ai:send", parts=parts)
    await client.follow(session)
    await client.rpc("ai:delete", conversation=session["conversation"])

    async def free() -> bool:
        other = piece | {"data": b64encode(b"world").decode()}
        return "url" in await client.rpc("ai:upload", **other)

    await until(free)
    assert await download(client, url) == b"world"
    assert deployment.servers[0].runs
