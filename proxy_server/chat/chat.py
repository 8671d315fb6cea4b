"""A conversation's turns: prompt, regenerate, decide, choose, stop, and what follows from each."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog
from msgspec import UNSET

from proxy_server.access.callers import Caller
from proxy_server.access.channels import Channels
from proxy_server.answers.outbox_relay import OutboxRelay
from proxy_server.answers.retries import closed_if_published, once_closed
from proxy_server.answers.supervisor import Supervisor
from proxy_server.answers.titles import title_of
from proxy_server.chat.checks import Checks
from proxy_server.chat.prompts import NewPrompt
from proxy_server.delivery.announcements import Announcements
from proxy_server.errors import Forbidden, KeyMoved, NotFound, Unavailable
from proxy_server.protocol.sessions import BEGINNING, Position, Session
from proxy_server.protocol.turns import (
    Accepted,
    Continued,
    Decided,
    Regeneration,
    Stopped,
    Turn,
    View,
)
from proxy_server.store import conversations, messages
from proxy_server.store.database import Store
from proxy_server.store.turns import Turns
from proxy_server.store.versions import Versions
from proxy_server.store.waiting import Waiting

_PUBLISH_SECONDS = 1.0
_KEY_TRIES = 3

log = structlog.get_logger()


class Chat:
    """models: those that prompts may name, the default first."""

    def __init__(
        self,
        *,
        models: tuple[str, ...],
        store: Store,
        turns: Turns,
        waiting: Waiting,
        versions: Versions,
        channels: Channels,
        supervisor: Supervisor,
        relay: OutboxRelay,
        checks: Checks,
        announcements: Announcements,
    ) -> None:
        self._models = models
        self._store = store
        self._turns = turns
        self._waiting = waiting
        self._versions = versions
        self._channels = channels
        self._supervisor = supervisor
        self._relay = relay
        self._checks = checks
        self._announcements = announcements

    async def send(self, user: str, prompt: NewPrompt) -> Session:
        """Stores a prompt and begins or queues its answer; returns the session to follow.

        A repeated `message_id` returns the first result.
        """
        try:
            return await self._accept(user, prompt)
        except Unavailable:
            # a full process must still reply to a repeated prompt
            repeated = prompt.message_id and await self._turns.repeated(user, prompt.message_id)
            if not repeated:
                raise
            return self._session(repeated.conversation_id, repeated.view, BEGINNING)

    async def _accept(self, user: str, prompt: NewPrompt) -> Session:
        self._checks.deliverable()
        answer_id = str(uuid.uuid4())
        with self._supervisor.admission(answer_id, Caller(user, prompt.address)):
            turn, accepted = await self._stored(user, prompt, answer_id)
            if accepted.assignment is not None:
                log.info(
                    "prompt_accepted",
                    conversation=accepted.conversation_id,
                    message=answer_id,
                    user=user,
                    queued=accepted.status == "queued",
                )
            self._carry_out(user, accepted)
        return self._session(accepted.conversation_id, accepted.view, turn.since)

    async def _stored(self, user: str, prompt: NewPrompt, answer_id: str) -> tuple[Turn, Accepted]:
        """Which conversation a key names is decided where the prompt is stored. Before that it has
        to be guessed, because its channel is asked for a position first."""
        tries = 0
        while True:
            turn = await self._turn(user, prompt, answer_id)
            try:
                return turn, await once_closed(partial(self._turns.accept, turn))
            except KeyMoved:
                tries += 1
                if tries == _KEY_TRIES:
                    raise

    async def _turn(self, user: str, prompt: NewPrompt, answer_id: str) -> Turn:
        model = prompt.model or self._models[0]
        if model not in self._models:
            raise NotFound("There is no such model.")
        known = prompt.conversation_id
        if known is not None:
            self._checks.owned(user, known)
        elif prompt.key is not None:
            known = await self._of_key(user, prompt.key)
        since = await self._checks.position(user, known)
        return Turn(
            user=user,
            conversation_id=known or self._channels.new_conversation(user),
            is_new=known is None,
            message_id=prompt.message_id or str(uuid.uuid4()),
            answer_id=answer_id,
            parts=prompt.parts,
            model=model,
            title=title_of(prompt.parts),
            when_busy=prompt.when_busy,
            since=since,
            key=prompt.key if prompt.conversation_id is None else None,
            data=prompt.data,
            meta=prompt.meta,
            replaces=prompt.replaces,
        )

    async def regenerate(
        self,
        user: str,
        conversation_id: str,
        message_id: str | None = None,
        answer_id: str | None = None,
        *,
        data: str | None = None,
        meta: str | None = None,
        address: str = "",
    ) -> Session:
        """Regenerates an answer; the earlier one stays as another version of it.

        message_id: the answer or its prompt; by default the last.
        answer_id: the id of the new answer.
        """
        self._checks.owned(user, conversation_id)
        self._checks.deliverable()
        answer_id = answer_id or str(uuid.uuid4())
        with self._supervisor.admission(answer_id, Caller(user, address)):
            since = await self._checks.position(user, conversation_id)
            wanted = Regeneration(
                user=user,
                conversation_id=conversation_id,
                message_id=message_id,
                answer_id=answer_id,
                models=self._models,
                since=since,
                data=data,
                meta=meta,
            )
            accepted = await once_closed(lambda: self._versions.regenerate(wanted))
            self._carry_out(user, accepted)
        return self._session(conversation_id, accepted.view, since)

    async def decide(self, decided: Decided, address: str = "") -> Session:
        """Continues a waiting answer once everything it waits for is decided."""
        self._checks.owned(decided.user, decided.conversation_id)
        self._checks.deliverable()
        since = await self._checks.position(decided.user, decided.conversation_id)
        wanted = replace(decided, since=since)
        try:
            with self._supervisor.admission(wanted.message_id, Caller(wanted.user, address)):
                continued = await once_closed(lambda: self._waiting.decide(wanted))
                self._announce(wanted.user, continued)
        except Unavailable:
            # a full process must still reply to a repeated decision
            found = await self._waiting.settled(wanted)
            if found is None:
                raise
            continued = found
        return self._session(wanted.conversation_id, continued.view, since)

    async def choose(self, user: str, conversation_id: str, message_id: str, limit: int) -> Session:
        """Brings a version of a message into view, with the newest messages that followed it."""
        self._checks.owned(user, conversation_id)
        self._checks.deliverable()
        chosen = await once_closed(lambda: self._versions.choose(user, conversation_id, message_id))
        if chosen is not None:
            published = self._relay.send(chosen.entry)
            self._announcements.summary(user, chosen.summary)
            # optional: saves clients that follow from this reply a publication
            await asyncio.wait([published], timeout=_PUBLISH_SECONDS)
        return await self.open(user, conversation_id, None, limit)

    async def stop(self, user: str, conversation_id: str, message_id: str | None = None) -> bool:
        """Stops the running answer and cancels queued ones, or only the one with that id.

        Returns whether there was anything to stop.
        """
        self._checks.owned(user, conversation_id)
        stopped = await self._turns.stop(user, conversation_id, message_id)
        self._end(user, stopped)
        return bool(stopped.running or stopped.cancelled)

    async def open(
        self, user: str, conversation_id: str | None, key: str | None, limit: int
    ) -> Session:
        """The conversation with that id or key, and its last `limit` messages.

        Raises NotFound if the user has no conversation with that key.
        """
        if conversation_id is not None:
            return await self._open(user, conversation_id, limit)
        for _ in range(_KEY_TRIES):
            found = key and await self._of_key(user, key)
            if not found:
                break
            # it may have been deleted since, and another one begun with its key
            with suppress(Forbidden):
                return await self._open(user, found, limit)
        raise NotFound("There is no conversation with that key.")

    async def _open(self, user: str, conversation_id: str, limit: int) -> Session:
        self._checks.owned(user, conversation_id)
        since = await self._checks.top(self._channels.of_conversation(conversation_id))
        view = await closed_if_published(
            lambda: messages.view(self._store, user, conversation_id, limit)
        )
        return self._session(conversation_id, view, since)

    def _carry_out(self, user: str, accepted: Accepted) -> None:
        """Starts a stored turn's answer and publishes it; does nothing if it was stored before.

        Starting comes first, so that a failure here leaves no answer that nobody makes. The answer
        publishes from its own task, and so after all that is announced here.
        """
        assignment = accepted.assignment
        if assignment is None:
            return
        if accepted.status == "streaming":
            self._supervisor.start(assignment)
        if accepted.removed:
            self._announcements.removed(assignment, accepted.removed)
        if accepted.view.messages[0].role == "user":
            self._announcements.joined(assignment, queued=accepted.status == "queued")
        self._end(user, accepted.stopped)
        if accepted.summary is not None:
            self._announcements.summary(user, accepted.summary)

    def _announce(self, user: str, continued: Continued) -> None:
        """Continues the answer and publishes a decision; does nothing if it was stored before."""
        if continued.assignment is not None:
            self._supervisor.start(continued.assignment)
        if continued.entry is not None:
            self._relay.send(continued.entry)
        if continued.summary is not None:
            self._announcements.summary(user, continued.summary)

    def _end(self, user: str, stopped: Stopped) -> None:
        for message_id in stopped.running:
            self._supervisor.stop(message_id)
        for closing in stopped.cancelled:
            self._relay.send(closing)
        if stopped.summary is not None:
            self._announcements.summary(user, stopped.summary)

    async def _of_key(self, user: str, key: str) -> str | None:
        return await self._store.read(
            lambda connection: conversations.id_of_key(connection, user, key)
        )

    def _session(self, conversation_id: str, view: View, since: Position) -> Session:
        return Session(
            conversation_id,
            self._channels.of_conversation(conversation_id),
            view.title,
            view.messages,
            view.since or since,
            view.generation,
            view.next or UNSET,
            view.key or UNSET,
            view.archived or UNSET,
        )
