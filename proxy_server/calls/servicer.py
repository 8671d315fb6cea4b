"""Centrifugo's proxy calls: protobuf to values and back, for Connect, Subscribe and RPC."""

import asyncio
import hmac
from base64 import b64decode
from collections.abc import Awaitable
from typing import Any, TypeVar

import grpc
import structlog
from msgspec import Struct

from proxy_server.access.channels import Channels
from proxy_server.access.visitors import Visitors
from proxy_server.calls.methods import Methods
from proxy_server.errors import (
    ApiRejected,
    ApiUnreachable,
    Forbidden,
    Malformed,
    NoUser,
    OurFault,
    Refusal,
    StoreUnavailable,
    Unavailable,
)
from proxy_server.pb import proxy_pb2, proxy_pb2_grpc
from proxy_server.protocol.encoding import decode_request, encode
from proxy_server.telemetry import CALLS

_CREDENTIAL = "x-centrifugo-credential"
_T = TypeVar("_T")

_WELCOMED = CALLS.labels("Connect", "ok")
_GRANTED = CALLS.labels("Subscribe", "ok")

log = structlog.get_logger()


class _ConnectData(Struct):
    token: str | None = None


class Servicer(proxy_pb2_grpc.CentrifugoProxyServicer):
    """Answers Centrifugo alone: who calls must send the credential, if one is set."""

    def __init__(
        self, *, credential: str, visitors: Visitors, channels: Channels, methods: Methods
    ) -> None:
        self._credential = credential.encode()
        self._visitors = visitors
        self._channels = channels
        self._methods = methods
        self._calls: set[asyncio.Future[Any]] = set()

    async def Connect(self, request: Any, context: Any) -> Any:
        await self._authenticate(context)
        try:
            data = decode_request(_data(request), _ConnectData)
            visitor = self._visitors.welcome(data.token)
        except Exception as error:
            return proxy_pb2.ConnectResponse(error=self._refused("Connect", "", error))
        _WELCOMED.inc()
        reply = encode({"token": visitor.token, "user": visitor.user})
        return proxy_pb2.ConnectResponse(
            result=proxy_pb2.ConnectResult(user=visitor.user, data=reply)
        )

    async def Subscribe(self, request: Any, context: Any) -> Any:
        await self._authenticate(context)
        if not self._channels.belongs_to(request.user, request.channel):
            refusal = Forbidden("This channel is not yours.") if request.user else NoUser()
            return proxy_pb2.SubscribeResponse(
                error=self._refused("Subscribe", request.user, refusal)
            )
        _GRANTED.inc()
        return proxy_pb2.SubscribeResponse(result=proxy_pb2.SubscribeResult())

    async def RPC(self, request: Any, context: Any) -> Any:
        await self._authenticate(context)
        try:
            call = self._methods.call(request.user, request.method, _data(request))
            reply = await self._to_its_end(call)
        except Exception as error:
            method = request.method if request.method in self._methods else "unknown"
            return proxy_pb2.RPCResponse(error=self._refused(method, request.user, error))
        CALLS.labels(request.method, "ok").inc()
        return proxy_pb2.RPCResponse(result=proxy_pb2.RPCResult(data=reply))

    async def _authenticate(self, context: Any) -> None:
        if not self._credential:
            return
        for key, value in context.invocation_metadata():
            if key == _CREDENTIAL:
                given = value.encode() if isinstance(value, str) else value
                if hmac.compare_digest(given, self._credential):
                    return
        CALLS.labels("any", "unauthenticated").inc()
        log.warning("caller_refused", peer=context.peer())
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The caller is not known.")

    async def _to_its_end(self, work: Awaitable[_T]) -> _T:
        """Centrifugo cancels the call when the browser leaves: what was begun is not left half."""
        task = asyncio.ensure_future(work)
        self._calls.add(task)
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_unseen)
            raise

    def _done(self, task: "asyncio.Future[Any]") -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()

    def _refused(self, method: str, user: str, error: Exception) -> Any:
        """An error for the client; what it must not read goes into the log, in one line."""
        refusal, event = _as_refusal(error)
        code, why = refusal.code, str(refusal)
        CALLS.labels(method, str(code)).inc()
        said = log.bind(method=method, user=user, code=code)
        match event:
            case "call_refused":
                said.info(event, why=why)
            case "store_unavailable":
                said.warning(event, error=str(error))
            case "centrifugo_api_failed":
                said.error(event, error=str(error.__cause__))
            case _:
                said.error(event, exc_info=error)
        return proxy_pb2.Error(code=code, message=why, temporary=refusal.temporary)


def _as_refusal(error: Exception) -> tuple[Refusal, str]:
    """What the client is told, and the event of the log."""
    match error:
        case Unavailable(__cause__=ApiUnreachable() | ApiRejected()):
            return error, "centrifugo_api_failed"
        case Refusal():
            return error, "call_refused"
        case StoreUnavailable():
            return Unavailable(), "store_unavailable"
        case _:
            return OurFault(), "call_failed"


def _log_unseen(task: "asyncio.Future[Any]") -> None:
    """The browser left before its call failed: nobody else tells of it."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, StoreUnavailable):
        log.warning("store_unavailable", error=str(error))
    elif error is not None and not isinstance(error, Refusal):
        log.error("call_failed", exc_info=error)


def _data(request: Any) -> bytes:
    """What the client sent: Centrifugo hands it over as bytes or, if so configured, as base64."""
    try:
        return request.data or b64decode(request.b64data)
    except ValueError as error:
        raise Malformed("The request is not valid base64.") from error
