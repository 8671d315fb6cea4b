"""Edited prompts, regenerated answers, and the way back: the view here and in other tabs."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from testbed.client import Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.waiting import until


@dataclass
class Talk:
    """A user in one conversation, who waits for the answers."""

    door: Door
    user: str
    conversation: str = ""

    async def say(self, text: str = "/tokens 2", **more: str) -> tuple[str, str]:
        """Returns the ids of the prompt and its answer."""
        where = {"conversation": self.conversation} if self.conversation else {}
        session = await self.door.rpc(self.user, "ai:send", text=text, **where, **more)
        assert "error" not in session, session
        self.conversation = session["conversation"]
        prompt, answer = session["messages"]
        await self.rest()
        return prompt["id"], answer["id"]

    async def call(self, method: str, **request: object) -> Json:
        return await self.door.rpc(
            self.user, f"ai:{method}", conversation=self.conversation, **request
        )

    async def anew(self, message: str) -> str:
        """Returns the id of the answer that replaces another."""
        [answer] = (await self.call("regenerate", message=message))["messages"]
        await self.rest()
        found: str = answer["id"]
        return found

    async def choose(self, message: str) -> list[str]:
        return ids(await self.call("choose", message=message))

    async def rest(self) -> Json:
        """The conversation, once nothing is being made."""

        async def resting() -> Json | None:
            session = await self.call("open")
            return session if session["generation"] is None else None

        return await until(resting)

    async def versions(self) -> dict[str, list[str]]:
        """Of each message in view that has several."""
        return {
            message["id"]: message["metadata"]["versions"]
            for message in (await self.rest())["messages"]
            if "versions" in message["metadata"]
        }


def ids(session: Json) -> list[str]:
    return [message["id"] for message in session["messages"]]


@asynccontextmanager
async def talk(running: Deployment, **settings: str) -> AsyncIterator[Talk]:
    limits = {"PROMPTS_PER_MINUTE": "10000"} | settings
    with running.server(2, **limits) as server:
        async with Door(server.port) as door:
            yield Talk(door, str(uuid.uuid4()))


async def test_an_edit_hides_what_stood_from_the_prompt_on(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        first, first_answer = await one.say()
        second, second_answer = await one.say()
        third, third_answer = await one.say()
        edited, its_answer = await one.say("/tokens 3", replaces=second)
        assert ids(await one.rest()) == [first, first_answer, edited, its_answer]
        assert await one.versions() == {edited: [second, edited]}
        assert await one.choose(second) == [
            first,
            first_answer,
            second,
            second_answer,
            third,
            third_answer,
        ]
        assert await one.versions() == {second: [second, edited]}
        assert await one.choose(its_answer) == [first, first_answer, edited, its_answer]


async def test_an_answer_made_anew_is_a_version(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        prompt, answer = await one.say()
        followed, follower = await one.say()
        of_the_prompt = await one.anew(prompt)
        again = await one.anew(of_the_prompt)
        versions = [answer, of_the_prompt, again]
        assert ids(await one.rest()) == [prompt, again]
        assert await one.versions() == {again: versions}
        assert await one.choose(answer) == [prompt, answer, followed, follower]
        assert await one.versions() == {answer: versions}
        assert await one.choose(of_the_prompt) == [prompt, of_the_prompt]
        opened = await one.rest()
        assert opened["messages"][1]["metadata"]["status"] == "complete"
        assert opened["messages"][1]["parts"]


async def test_a_choice_brings_the_newest_that_followed(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        prompt, answer = await one.say()
        newer = await one.anew(answer)
        await one.choose(answer)
        follower, its_answer = await one.say()
        edited, edited_answer = await one.say(replaces=prompt)
        assert await one.choose(prompt) == [prompt, answer, follower, its_answer]
        assert await one.versions() == {
            prompt: [prompt, edited],
            answer: [answer, newer],
        }
        assert await one.choose(newer) == [prompt, newer]
        # the message before it is hidden too
        assert await one.choose(edited_answer) == [edited, edited_answer]
        assert await one.choose(its_answer) == [prompt, answer, follower, its_answer]


async def test_a_choice_of_what_is_in_view_changes_nothing(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        prompt, answer = await one.say()
        newer = await one.anew(answer)
        [before] = (await one.door.rpc(one.user, "ai:list"))["conversations"]
        assert await one.choose(newer) == [prompt, newer]
        assert (await one.door.rpc(one.user, "ai:list"))["conversations"] == [before]


async def test_the_list_tells_how_the_chosen_answer_ended(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        prompt, _ = await one.say("/status 500")
        await one.say("/tokens 1", replaces=prompt)
        [before] = (await one.door.rpc(one.user, "ai:list"))["conversations"]
        await one.choose(prompt)
        [after] = (await one.door.rpc(one.user, "ai:list"))["conversations"]
        assert (before["status"], after["status"]) == ("complete", "failed")
        assert after["version"] == before["version"] + 1
        assert after["updated_at"] == before["updated_at"]


async def test_what_is_not_there_cannot_be_replaced_or_chosen(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one, talk(infrastructure) as other:
        prompt, answer = await one.say()
        foreign, foreign_answer = await other.say()
        nowhere = Talk(one.door, one.user)
        elsewhere, _ = await nowhere.say()

        async def codes(method: str, field: str, *messages: str) -> list[int]:
            more = {"text": "a"} if method == "send" else {}
            return [
                (await one.call(method, **{field: message}, **more))["error"]["code"]
                for message in messages
            ]

        unknown = [foreign, foreign_answer, elsewhere, "nothing"]
        assert await codes("choose", "message", *unknown) == [404] * 4
        assert await codes("send", "replaces", answer, *unknown) == [404] * 5
        assert await codes("regenerate", "message", *unknown) == [404] * 4
        assert await codes("choose", "message", "no id!") == [400]
        one.conversation = other.conversation
        assert await codes("choose", "message", foreign) == [403]
        assert await codes("send", "replaces", foreign) == [403]
        begun = await one.door.rpc(one.user, "ai:send", text="a", replaces=prompt)
        assert begun["error"]["code"] == 404
        assert ids(await other.rest()) == [foreign, foreign_answer]


@pytest.mark.parametrize("when_busy", ["reject", "queue", "interrupt"])
async def test_nothing_is_replaced_or_chosen_while_an_answer_is_made(
    infrastructure: Deployment, when_busy: str
) -> None:
    async with talk(infrastructure) as one:
        prompt, answer = await one.say()
        newer = await one.anew(answer)
        await one.call("send", text="/tokens 3000")
        refused = [
            await one.call("send", text="a", replaces=prompt, when_busy=when_busy),
            await one.call("choose", message=answer),
            await one.call("regenerate", message=prompt),
        ]
        assert [reply["error"]["code"] for reply in refused] == [409] * 3
        await one.call("stop")
        session = await one.rest()
        assert ids(session)[:2] == [prompt, newer]
        assert len(session["messages"]) == 4


async def test_two_edits_at_once(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        prompt, _ = await one.say()
        tries = [uuid.uuid4().hex for _ in range(6)]
        replies = await asyncio.gather(
            *(one.call("send", id=key, text="/tokens 300", replaces=prompt) for key in tries)
        )
        refused = [reply["error"]["code"] for reply in replies if "error" in reply]
        assert refused == [409] * 5
        [won] = [reply for reply in replies if "error" not in reply]
        assert ids(await one.rest()) == ids(won)
        # a hidden prompt stands for its version in view: a tab may not know of the edit yet
        late, its_answer = await one.say(replaces=prompt)
        assert ids(await one.rest()) == [late, its_answer]
        assert await one.versions() == {late: [prompt, ids(won)[0], late]}


async def test_the_same_call_again_gives_no_second_answer(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        prompt, answer = await one.say()
        edit = {"id": uuid.uuid4().hex, "text": "/tokens 1", "replaces": prompt}
        edited = await one.call("send", **edit)
        assert ids(await one.call("send", **edit)) == ids(edited)
        await one.rest()
        assert ids(await one.call("send", **edit)) == ids(edited)
        again = {"id": uuid.uuid4().hex, "message": ids(edited)[1]}
        [anew] = ids(await one.call("regenerate", **again))
        await one.rest()
        await one.choose(answer)
        # this does not bring back what has left the view
        assert ids(await one.call("send", **edit)) == []
        assert ids(await one.call("regenerate", **again)) == []
        assert ids(await one.call("send", id=prompt, text="/tokens 2")) == [prompt, answer]
        assert ids(await one.rest()) == [prompt, answer]
        assert await one.choose(anew) == [ids(edited)[0], anew]


async def test_the_model_is_given_what_is_in_view(infrastructure: Deployment) -> None:
    mark = uuid.uuid4().hex
    async with talk(infrastructure) as one:
        await one.say("/tokens 1 seed=1")
        second, _ = await one.say("/tokens 1 seed=2")
        await one.say("/tokens 1 seed=3")
        await one.say(f"/tokens 1 mark={mark}", replaces=second)
        [asked] = await infrastructure.asked(mark=mark)
        prompts = [said["content"] for said in asked["messages"] if said["role"] == "user"]
        assert prompts == ["/tokens 1 seed=1", f"/tokens 1 mark={mark}"]


async def test_a_deleted_conversation_leaves_no_versions(infrastructure: Deployment) -> None:
    async with talk(infrastructure) as one:
        prompt, answer = await one.say()
        await one.say(replaces=prompt)
        assert await one.call("delete") == {}
        again = await one.door.rpc(one.user, "ai:send", id=prompt, text="/tokens 1")
        assert ids(again)[0] == prompt
        assert ids(again)[1] != answer
