"""What one user, and one process, may have at once: refused before anything is stored."""

import asyncio
import re
import uuid

from testbed.deployment import Deployment
from testbed.door import Door


async def test_answers_of_one_user_at_once(infrastructure: Deployment) -> None:
    with infrastructure.server(2, GENERATIONS_PER_USER="2") as server:
        async with Door(server.port) as door:
            user = str(uuid.uuid4())
            replies = await asyncio.gather(
                *(door.rpc(user, "ai:send", text="/tokens 3000") for _ in range(6))
            )
            refused = [reply["error"] for reply in replies if "error" in reply]
            assert [error["code"] for error in refused] == [429] * 4
            assert all(error["temporary"] for error in refused)
            assert all("Try again when one is finished" in error["message"] for error in refused)
            assert len((await door.rpc(user, "ai:list"))["conversations"]) == 2
            # nobody else is affected
            other = await door.rpc(str(uuid.uuid4()), "ai:send", text="/tokens 3")
            assert other["generation"]["status"] == "streaming"


async def test_prompts_of_one_user_in_a_minute(infrastructure: Deployment) -> None:
    with infrastructure.server(2, PROMPTS_PER_MINUTE="3") as server:
        async with Door(server.port) as door:
            user = str(uuid.uuid4())
            prompt = {"text": "/tokens 1", "id": str(uuid.uuid4())}
            accepted = [await door.rpc(user, "ai:send", **prompt)]
            accepted += [await door.rpc(user, "ai:send", text="/tokens 1") for _ in range(2)]
            assert not any("error" in reply for reply in accepted)
            error = (await door.rpc(user, "ai:send", text="/tokens 1"))["error"]
            assert (error["code"], error["temporary"]) == (429, True)
            when = re.search(r"Try again in (\d+) seconds", error["message"])
            assert when is not None
            assert 1 <= int(when[1]) <= 61
            # a repeated prompt is not a new one
            repeated = await door.rpc(user, "ai:send", **prompt)
            assert repeated["conversation"] == accepted[0]["conversation"]
            assert len((await door.rpc(user, "ai:list"))["conversations"]) == 3


async def test_answers_of_one_process_at_once(infrastructure: Deployment) -> None:
    with infrastructure.server(2, MAX_GENERATIONS="2", MAX_WAITING="3") as server:
        async with Door(server.port) as door:
            users = [str(uuid.uuid4()) for _ in range(20)]
            replies = await asyncio.gather(
                *(door.rpc(user, "ai:send", text="/tokens 3000") for user in users)
            )
            refused = [user for user, reply in zip(users, replies, strict=True) if "error" in reply]
            assert len(refused) == 15
            for reply in replies:
                if "error" in reply:
                    assert reply["error"]["code"] == 503
                    assert reply["error"]["temporary"]
                    assert "Try again in" in reply["error"]["message"]
            for user in refused:
                assert (await door.rpc(user, "ai:list"))["conversations"] == []
            # what waits here would go back to the queue, and begin on the next test's server
            for user, reply in zip(users, replies, strict=True):
                if "error" not in reply:
                    await door.rpc(user, "ai:delete", conversation=reply["conversation"])
