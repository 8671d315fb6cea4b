"""The gRPC port of a proxy server, called as Centrifugo calls it."""

import json
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from proxy_server.pb import proxy_pb2, proxy_pb2_grpc
from testbed.deployment import CREDENTIAL

Metadata = tuple[tuple[str, str], ...]
KNOWN: Metadata = (("x-centrifugo-credential", CREDENTIAL),)


class Door:
    """A context manager for the connection.

    certificate: the chain to trust; with it the connection uses TLS, for the name `localhost`.
    """

    def __init__(self, port: int, *, certificate: bytes | None = None) -> None:
        if certificate is None:
            self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        else:
            trust = grpc.ssl_channel_credentials(certificate)
            self._channel = grpc.aio.secure_channel(f"localhost:{port}", trust)
        self.stub = proxy_pb2_grpc.CentrifugoProxyStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def serves(self, service: str = "") -> bool:
        """The result of gRPC's health check for one service, or for the whole server."""
        check = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        reply = await check(health_pb2.HealthCheckRequest(service=service))
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

    async def services(self) -> list[str]:
        """The names from server reflection."""
        reflect = self._channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        return [
            service.name
            async for reply in reflect(iter(asked))
            for service in reply.list_services_response.service
        ]

    async def rpc(self, user: str, method: str, **data: Any) -> dict[str, Any]:
        """Returns the reply's data, or `{"error": {"code", "message", "temporary"}}`."""
        return await self.raw(user, method, json.dumps(data).encode())

    async def raw(self, user: str, method: str, data: bytes) -> dict[str, Any]:
        request = proxy_pb2.RPCRequest(user=user, method=method, data=data)
        reply = await self.stub.RPC(request, metadata=KNOWN)
        if reply.HasField("error"):
            return {"error": _error(reply.error)}
        result: dict[str, Any] = json.loads(reply.result.data)
        return result

    async def subscribe(self, user: str, channel: str) -> dict[str, Any]:
        """Empty if granted, or `{"error": …}`."""
        request = proxy_pb2.SubscribeRequest(user=user, channel=channel)
        reply = await self.stub.Subscribe(request, metadata=KNOWN)
        return {"error": _error(reply.error)} if reply.HasField("error") else {}


def _error(error: proxy_pb2.Error) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "temporary": error.temporary}
