"""Restarts answers that a crash cut off, if their responder says that it may run twice.

This happens once, and in another message: the interrupted one is closed for good first. So if its
server is still alive, nothing that it sends mixes with the new answer.
"""

from collections.abc import Callable
from uuid import NAMESPACE_OID, uuid5

import structlog

from proxy_server.access.channels import Channels
from proxy_server.delivery.announcements import Announcements
from proxy_server.delivery.server_api import ServerApi
from proxy_server.errors import ApiRejected, ApiUnreachable, Refusal
from proxy_server.protocol.turns import Accepted, Assignment, Finished, Regeneration
from proxy_server.store.versions import Versions

_PREFIX = "again-"

log = structlog.get_logger()


class Again:
    """may: whether the responder of a model may run twice."""

    def __init__(
        self,
        may: Callable[[str], bool],
        *,
        api: ServerApi,
        versions: Versions,
        channels: Channels,
        announcements: Announcements,
    ) -> None:
        self._may = may
        self._api = api
        self._versions = versions
        self._channels = channels
        self._announcements = announcements

    def applies(self, assignment: Assignment, finished: Finished) -> bool:
        """False if it was being stopped, or if the next prompt is already being answered.

        Also false the second time: an answer that kills its server would kill one server after
        another.
        """
        return (
            finished.summary is not None
            and finished.next is None
            and not assignment.stopping
            and not assignment.message_id.startswith(_PREFIX)
            and self._may(assignment.model)
        )

    async def accept(self, assignment: Assignment) -> Accepted | None:
        """Stores a new answer in place of the closed one, and publishes that.

        Returns None if it cannot. Raises StoreUnavailable: the answer may have been stored all the
        same.
        """
        channel = self._channels.of_conversation(assignment.conversation_id)
        try:
            since = (await self._api.history(channel, limit=0)).top
            accepted = await self._versions.regenerate(
                Regeneration(
                    user=assignment.user,
                    conversation_id=assignment.conversation_id,
                    message_id=assignment.message_id,
                    answer_id=f"{_PREFIX}{uuid5(NAMESPACE_OID, assignment.message_id)}",
                    models=(assignment.model,),
                    since=since,
                    data=assignment.data,
                    meta=assignment.meta,
                )
            )
        except (ApiUnreachable, ApiRejected, Refusal) as error:
            log.warning("not_begun_again", message=assignment.message_id, error=str(error))
            return None
        if accepted.assignment is not None:
            log.warning(
                "begun_again",
                conversation=assignment.conversation_id,
                message=accepted.assignment.message_id,
                instead_of=assignment.message_id,
            )
            self._announcements.removed(accepted.assignment, accepted.removed)
            if accepted.summary is not None:
                self._announcements.summary(assignment.user, accepted.summary)
        return accepted
