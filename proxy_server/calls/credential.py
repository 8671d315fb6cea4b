"""Only Centrifugo may call: it proves itself by a credential, checked once for all calls."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import structlog

from proxy_server.telemetry import CALLS, LineLimit

_CREDENTIAL = "x-centrifugo-credential"
_Handler = Any  # grpc.RpcMethodHandler[Request, Response]
_GUARDED = "/centrifugal.centrifugo.proxy."

log = structlog.get_logger()


class CredentialCheck(grpc.aio.ServerInterceptor):
    """Refuses Centrifugo's calls without the credential; health and reflection are open."""

    def __init__(self, credential: str) -> None:
        self._credential = credential.encode()
        self._lines = LineLimit()
        self._refusal: _Handler = grpc.unary_unary_rpc_method_handler(self._refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        guarded = handler_call_details.method.startswith(_GUARDED)
        if guarded and not self._proves(handler_call_details.invocation_metadata):
            return self._refusal
        return await continuation(handler_call_details)

    def _proves(self, metadata: Any) -> bool:
        for key, value in metadata:
            if key == _CREDENTIAL:
                given = value.encode() if isinstance(value, str) else value
                if hmac.compare_digest(given, self._credential):
                    return True
        return False

    async def _refuse(self, _: Any, context: Any) -> None:
        CALLS.labels("any", "unauthenticated").inc()
        if (left_out := self._lines.admit()) is not None:
            log.warning("caller_refused", peer=context.peer(), left_out=left_out)
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The caller is not known.")
