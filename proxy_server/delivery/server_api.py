"""Centrifugo's server API, over gRPC or HTTP depending on the URL's scheme."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import grpc
import httpx
import msgspec

from proxy_server.errors import ApiRejected, ApiUnreachable, PositionLost
from proxy_server.pb import api_pb2, api_pb2_grpc
from proxy_server.protocol.sessions import Position

_CALL_SECONDS = 5.0
_TOO_LARGE = 413
_INTERNAL, _TOO_MANY_REQUESTS, _UNRECOVERABLE_POSITION = 100, 111, 112
# After losing its peer, a gRPC channel waits longer before each attempt, up to two minutes by
# default: too long for users who wait for text once Centrifugo is back.
_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 64 << 20),
    # A connection that a middlebox forgot swallows calls silently. So one that is silent this long
    # while a call waits is pinged, and closed if there is no reply. Centrifugo counts pings as
    # misuse only after three in a row without an answer in between.
    ("grpc.keepalive_time_ms", 2000),
    ("grpc.keepalive_timeout_ms", 2000),
    ("grpc.http2.ping_timeout_ms", 2000),
    ("grpc.keepalive_permit_without_calls", 0),
]


_ReplyT = TypeVar("_ReplyT", bound="_Envelope")


class Publish(NamedTuple):
    """One publication: JSON for a channel. A channel accepts each key only once."""

    channel: str
    data: bytes
    key: str


Published = Position | ApiRejected | ApiUnreachable
"""The result of one publication; those of a batch may differ."""


class HistoryEntry(NamedTuple):
    offset: int
    data: bytes


class History(NamedTuple):
    """Publications, oldest first, and the position of the channel's last one."""

    entries: list[HistoryEntry]
    top: Position


class ServerApi(Protocol):
    """What this service needs from Centrifugo.

    Every method raises ApiUnreachable when the effect is unknown and ApiRejected when there was
    none.
    """

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        """Publishes in no particular order: at most one publication per channel in a batch."""

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> History:
        """Publications after `since`, at most `limit`; a limit of 0 returns only the position.

        Raises PositionLost if the history does not reach back to `since`.
        """

    async def unsubscribe(self, channel: str, user: str) -> None: ...

    async def history_remove(self, channel: str) -> None: ...

    async def close(self) -> None: ...


def server_api(url: str, key: str) -> ServerApi:
    """The API at `grpc://host:port`, `grpcs://host:port`, `http://host/api` or `https://…`."""
    parts = urlsplit(url)
    if parts.scheme in ("grpc", "grpcs"):
        return GrpcServerApi(parts.netloc, key, secure=parts.scheme == "grpcs")
    return HttpServerApi(url, key)


class GrpcServerApi:
    def __init__(self, target: str, key: str, *, secure: bool) -> None:
        if secure:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.aio.secure_channel(target, credentials, _CHANNEL_OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(target, _CHANNEL_OPTIONS)
        self._stub: Any = api_pb2_grpc.CentrifugoApiStub(self._channel)
        self._metadata = (("authorization", f"apikey {key}"),)

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        return await _in_parts(self._publish, batch)

    async def _publish(self, batch: Sequence[Publish]) -> list[Published]:
        request = api_pb2.BatchRequest(
            commands=[
                api_pb2.Command(
                    publish=api_pb2.PublishRequest(channel=channel, data=data, idempotency_key=key)
                )
                for channel, data, key in batch
            ],
            parallel=True,
        )
        response = await self._call(self._stub.Batch, request)
        return [
            _error(reply.error.code, reply.error.message)
            if reply.error.code
            else Position(reply.publish.offset, reply.publish.epoch)
            for reply in response.replies
        ]

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> History:
        request = api_pb2.HistoryRequest(channel=channel, limit=limit)
        if since is not None:
            request.since.offset, request.since.epoch = since.offset, since.epoch
        response = await self._call(self._stub.History, request)
        _raise_for(response.error.code, response.error.message)
        result = response.result
        return History(
            [HistoryEntry(entry.offset, entry.data) for entry in result.publications],
            Position(result.offset, result.epoch),
        )

    async def unsubscribe(self, channel: str, user: str) -> None:
        request = api_pb2.UnsubscribeRequest(channel=channel, user=user)
        response = await self._call(self._stub.Unsubscribe, request)
        _raise_for(response.error.code, response.error.message)

    async def history_remove(self, channel: str) -> None:
        request = api_pb2.HistoryRemoveRequest(channel=channel)
        response = await self._call(self._stub.HistoryRemove, request)
        _raise_for(response.error.code, response.error.message)

    async def close(self) -> None:
        await self._channel.close()

    async def _call(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, metadata=self._metadata, timeout=_CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if _is_too_large(error):
                raise ApiRejected(_TOO_LARGE, f"{error.details()}") from error
            raise ApiUnreachable(f"{error.code().name}: {error.details()}") from error


class HttpServerApi:
    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/",
            headers={"X-API-Key": key, "Content-Type": "application/json"},
            timeout=_CALL_SECONDS,
        )

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        return await _in_parts(self._publish, batch)

    async def _publish(self, batch: Sequence[Publish]) -> list[Published]:
        commands = [
            {
                "publish": {
                    "channel": channel,
                    "data": msgspec.Raw(data),
                    "idempotency_key": key,
                }
            }
            for channel, data, key in batch
        ]
        body = await self._call("batch", {"commands": commands, "parallel": True}, _BatchReply)
        return [
            _error(reply.error.code, reply.error.message)
            if reply.error is not None
            else reply.publish
            for reply in body.replies
        ]

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> History:
        request: dict[str, Any] = {"channel": channel, "limit": limit}
        if since is not None:
            request["since"] = since
        result = (await self._call("history", request, _HistoryReply)).result
        return History(
            [HistoryEntry(entry.offset, bytes(entry.data)) for entry in result.publications],
            Position(result.offset, result.epoch),
        )

    async def unsubscribe(self, channel: str, user: str) -> None:
        await self._call("unsubscribe", {"channel": channel, "user": user}, _Envelope)

    async def history_remove(self, channel: str) -> None:
        await self._call("history_remove", {"channel": channel}, _Envelope)

    async def close(self) -> None:
        await self._client.aclose()

    async def _call(self, method: str, request: object, shape: type[_ReplyT]) -> _ReplyT:
        try:
            response = await self._client.post(method, content=msgspec.json.encode(request))
            if response.status_code == _TOO_LARGE:
                raise ApiRejected(_TOO_LARGE, "a proxy on the way refuses requests of this size")
            response.raise_for_status()
            envelope = msgspec.json.decode(response.content, type=_Envelope)
            if envelope.error is not None:
                _raise_for(envelope.error.code, envelope.error.message)
            return msgspec.json.decode(response.content, type=shape)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise ApiUnreachable(repr(error)) from error


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Envelope(msgspec.Struct):
    error: _Error | None = None


class _PublishReply(msgspec.Struct):
    error: _Error | None = None
    publish: Position = Position(0, "")


class _BatchReply(_Envelope):
    replies: list[_PublishReply] = []


class _HistoryPublication(msgspec.Struct):
    data: msgspec.Raw
    offset: int = 0


class _HistoryResult(msgspec.Struct, frozen=True):
    publications: list[_HistoryPublication] = []
    epoch: str = ""
    offset: int = 0


class _HistoryReply(_Envelope):
    result: _HistoryResult = _HistoryResult()


async def _in_parts(
    publish: Callable[[Sequence[Publish]], Awaitable[list[Published]]], batch: Sequence[Publish]
) -> list[Published]:
    """Sends a batch that is too large in halves, so that only a too large publication is left out.

    If a half fails, all are sent again: their keys prevent duplicates.
    """
    try:
        return await publish(batch)
    except ApiRejected as error:
        if error.code != _TOO_LARGE or len(batch) <= 1:
            return [error] * len(batch)
    half = len(batch) // 2
    return await _in_parts(publish, batch[:half]) + await _in_parts(publish, batch[half:])


def _is_too_large(error: grpc.aio.AioRpcError) -> bool:
    """Whether a size limit was exceeded, so that another try would fail as well.

    The limit is Centrifugo's `grpc_api.max_receive_message_size`, or that of a proxy. A proxy
    answers in HTTP, for which gRPC has no status, so its text is searched.
    """
    told = {
        grpc.StatusCode.RESOURCE_EXHAUSTED: "larger than max",
        grpc.StatusCode.UNKNOWN: f"status: {_TOO_LARGE}",
    }.get(error.code())
    return told is not None and told in (error.details() or "")


def _error(code: int, message: str) -> ApiRejected | ApiUnreachable:
    if code in (_INTERNAL, _TOO_MANY_REQUESTS):
        # Centrifugo is up but its broker (Redis) is down: worth another try.
        return ApiUnreachable(f"{code}: {message}")
    if code == _UNRECOVERABLE_POSITION:
        return PositionLost(code, message)
    return ApiRejected(code, message)


def _raise_for(code: int, message: str) -> None:
    if code:
        raise _error(code, message)
