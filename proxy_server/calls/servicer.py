"""Centrifugo's proxy calls Connect, Subscribe and RPC: from protobuf to values and back."""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable
from typing import Any, TypeVar

import structlog
from msgspec import Struct

from proxy_server.access.callers import Caller, address_of
from proxy_server.access.channels import Channels
from proxy_server.access.limits import AddressLimiter, CallLimiter
from proxy_server.access.visitors import Visitor, Visitors
from proxy_server.calls.methods import Methods
from proxy_server.errors import (
    ApiRejected,
    ApiUnreachable,
    Forbidden,
    LimitReached,
    Malformed,
    NoUser,
    OurFault,
    Refusal,
    StoreUnavailable,
    Unavailable,
)
from proxy_server.pb import proxy_pb2, proxy_pb2_grpc
from proxy_server.protocol.encoding import decode_request, encode
from proxy_server.telemetry import CALLS, LineLimit

_FORWARDED = "x-forwarded-for"
# A caller that retries at once gets its refusals with a delay: this slows it down and costs us next
# to nothing. Shorter than the second that Centrifugo waits for a call by default.
_HELD_SECONDS = 0.7
# Below the 128 calls that a load balancer may allow in flight on Centrifugo's one connection.
_MOST_HELD = 100
_T = TypeVar("_T")

_WELCOMED = CALLS.labels("Connect", "ok")
_GRANTED = CALLS.labels("Subscribe", "ok")

log = structlog.get_logger()


class _ConnectData(Struct):
    token: str | None = None


class Servicer(proxy_pb2_grpc.CentrifugoProxyServicer):
    """Answers Centrifugo's calls.

    proxies: how many trusted proxies before Centrifugo report the client's address.
    """

    def __init__(
        self,
        *,
        model: str,
        visitors: Visitors,
        channels: Channels,
        methods: Methods,
        limiter: CallLimiter,
        addresses: AddressLimiter,
        proxies: int,
    ) -> None:
        self._model = model
        self._visitors = visitors
        self._channels = channels
        self._methods = methods
        self._limiter = limiter
        self._addresses = addresses
        self._proxies = proxies
        self._calls: set[asyncio.Future[Any]] = set()
        self._lines = LineLimit()
        self._held = 0

    async def Connect(
        self, request: proxy_pb2.ConnectRequest, context: Any
    ) -> proxy_pb2.ConnectResponse:
        try:
            data = decode_request(_data(request), _ConnectData)
            visitor = self._welcome(data.token, self._address(context))
        except Exception as error:
            return proxy_pb2.ConnectResponse(error=self._refused("Connect", "", error))
        _WELCOMED.inc()
        connected = {"token": visitor.token, "user": visitor.user, "model": self._model}
        reply = encode(connected)
        return proxy_pb2.ConnectResponse(
            result=proxy_pb2.ConnectResult(user=visitor.user, data=reply)
        )

    async def Subscribe(
        self, request: proxy_pb2.SubscribeRequest, context: Any
    ) -> proxy_pb2.SubscribeResponse:
        del context
        if not self._channels.belongs_to(request.user, request.channel):
            refusal = Forbidden("This channel is not yours.") if request.user else NoUser()
            return proxy_pb2.SubscribeResponse(
                error=self._refused("Subscribe", request.user, refusal)
            )
        _GRANTED.inc()
        return proxy_pb2.SubscribeResponse(result=proxy_pb2.SubscribeResult())

    async def RPC(self, request: proxy_pb2.RPCRequest, context: Any) -> proxy_pb2.RPCResponse:
        method = request.method if request.method in self._methods else "unknown"
        try:
            reply = await self._answer(request, context)
        except LimitReached as error:
            refused = self._refused(method, request.user, error)
            await self._hold()
            return proxy_pb2.RPCResponse(error=refused)
        except Exception as error:
            return proxy_pb2.RPCResponse(error=self._refused(method, request.user, error))
        CALLS.labels(method, "ok").inc()
        return proxy_pb2.RPCResponse(result=proxy_pb2.RPCResult(data=reply))

    async def _answer(self, request: proxy_pb2.RPCRequest, context: Any) -> bytes:
        meta = request.meta.decode() if request.meta else None
        caller = Caller(request.user, self._address(context), meta)
        # before anything is counted: all connections without a user would share one count
        if not caller.user or "\0" in caller.user:
            raise NoUser
        call = self._counted(caller, request.method, _data(request))
        if self._methods.only_reads(request.method):
            # nobody reads the reply after Centrifugo has canceled the call
            return await call
        return await self._to_its_end(call)

    async def _counted(self, caller: Caller, method: str, data: bytes) -> bytes:
        """The call counts as long as its work lasts, even if the caller is gone."""
        with self._limiter.call(caller.user, self._methods.piece_bytes(method, data)):
            return await self._methods.call(caller, method, data)

    async def _hold(self) -> None:
        """Delays a refusal, unless too many are delayed already."""
        if self._held >= _MOST_HELD:
            return
        self._held += 1
        try:
            await asyncio.sleep(_HELD_SECONDS)
        finally:
            self._held -= 1

    def _welcome(self, token: str | None, address: str) -> Visitor:
        known = self._visitors.known(token) if token else None
        if known is not None:
            return known
        self._addresses.admit_visitor(address)
        return self._visitors.new()

    def _address(self, context: Any) -> str:
        if not self._proxies:
            return ""
        forwarded = [value for key, value in context.invocation_metadata() if key == _FORWARDED]
        return address_of(forwarded, self._proxies)

    async def _to_its_end(self, work: Awaitable[_T]) -> _T:
        """Completes work that has begun: Centrifugo cancels the call when the browser leaves."""
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

    def _refused(self, method: str, user: str, error: Exception) -> proxy_pb2.Error:
        """The error for the client; internal details go into the log, in one line."""
        refusal, event = _as_refusal(error)
        code, why = refusal.code, str(refusal)
        CALLS.labels(method, str(code)).inc()
        said = log.bind(method=method, user=user, code=code)
        match event:
            case "call_refused":
                if (left_out := self._lines.admit()) is not None:
                    said.info(event, why=why, left_out=left_out)
            case "store_unavailable":
                said.warning(event, error=str(error))
            case "centrifugo_api_failed":
                said.error(event, error=str(error.__cause__))
            case _:
                said.error(event, exc_info=error)
        return proxy_pb2.Error(code=code, message=why, temporary=refusal.temporary)


def _as_refusal(error: Exception) -> tuple[Refusal, str]:
    """The refusal that the client gets, and the log event."""
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
    """Logs a call that failed after the browser had left: nobody else would."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, StoreUnavailable):
        log.warning("store_unavailable", error=str(error))
    elif error is not None and not isinstance(error, Refusal):
        log.error("call_failed", exc_info=error)


def _data(request: proxy_pb2.ConnectRequest | proxy_pb2.RPCRequest) -> bytes:
    """The client's data; Centrifugo passes it as bytes or, if so configured, as base64."""
    try:
        return request.data or b64decode(request.b64data)
    except ValueError as error:
        raise Malformed("The request is not valid base64.") from error
