"""The end of an answer whose server went silent: what was published is read back and stored."""

from proxy_server.channels import Channels
from proxy_server.chunks import (
    Abort,
    ChunksPublication,
    Error,
    Finish,
    Metadata,
    Position,
    Start,
    encode,
    published_chunks,
)
from proxy_server.errors import ApiRejected, ApiUnreachable
from proxy_server.leases import Assignment, Finished, Leases
from proxy_server.publisher import Publisher
from proxy_server.server_api import HistoryEntry, ServerApi
from proxy_server.transcript import Transcript

_ATTEMPTS = 3
_PUBLISH_SECONDS = 2.0


class Takeover:
    """Closes assignments as `interrupted`, with all text that anyone could have seen."""

    def __init__(
        self, api: ServerApi, publisher: Publisher, leases: Leases, channels: Channels
    ) -> None:
        self._api = api
        self._publisher = publisher
        self._leases = leases
        self._channels = channels

    async def close(self, assignment: Assignment, *, go_on: bool) -> Finished | None:
        channel = self._channels.of_conversation(assignment.conversation)
        metadata = Metadata(assignment.created_at, "interrupted", assignment.model, "other")
        transcript, seq, closed = await self._read_back(channel, assignment)
        for _ in range(_ATTEMPTS):
            if closed:
                break
            data = encode(
                ChunksPublication(
                    assignment.message,
                    seq + 1,
                    [
                        *([Start(assignment.message, metadata)] if seq == 0 else []),
                        *transcript.close(),
                        Abort("interrupted", metadata),
                    ],
                )
            )
            # The key is that of the sequence number, whoever publishes it: should the silent
            # server wake up in this moment, either its chunks get this number or our end does.
            # Reading back once more tells which.
            key = f"{assignment.message}:{seq + 1}"
            try:
                await self._publisher.post(channel, data, key, seconds=_PUBLISH_SECONDS)
            except (ApiRejected, ApiUnreachable):
                break
            transcript, seq, closed = await self._read_back(channel, assignment)
        return await self._leases.finish(assignment, transcript.parts(), metadata, go_on=go_on)

    async def _read_back(
        self, channel: str, assignment: Assignment
    ) -> tuple[Transcript, int, bool]:
        """The message as published, its last sequence number, and whether it is closed."""
        transcript, seq = Transcript(assignment.parts), assignment.seq
        for entry in await self._history(channel, assignment.position):
            publication = published_chunks(entry.data)
            if publication is None or publication.message != assignment.message:
                continue
            if publication.seq != seq + 1:
                continue
            seq += 1
            transcript.replay(publication.chunks)
            if any(isinstance(chunk, Finish | Abort | Error) for chunk in publication.chunks):
                return transcript, seq, True
        return transcript, seq, False

    async def _history(self, channel: str, since: Position) -> list[HistoryEntry]:
        try:
            if since.epoch:
                return (await self._api.history(channel, since)).entries
        except ApiRejected:
            pass
        except ApiUnreachable:
            return []
        try:
            return (await self._api.history(channel)).entries
        except (ApiRejected, ApiUnreachable):
            return []
