"""The gRPC server that Centrifugo calls: its port, its health, its reflection."""

from functools import partial
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from proxy_server.calls.servicer import Servicer
from proxy_server.pb import proxy_pb2, proxy_pb2_grpc

_SERVICE = proxy_pb2.DESCRIPTOR.services_by_name["CentrifugoProxy"].full_name
_STOP_SECONDS = 1
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    # beyond gRPC's 4 MB: what is too large gets an answer that says so, not an error of transport
    ("grpc.max_receive_message_length", 64 << 20),
    # A connection without a sign of life is left, so that what stands between learns of it; asking
    # also keeps those that idle in the memory of middleboxes.
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.http2.ping_timeout_ms", 3000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # and whoever calls may ask as often
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
]


class Door:
    """listen: host:port; certificate, key: files of a chain and its key, both or neither."""

    def __init__(self, servicer: Servicer, listen: str, certificate: str, key: str) -> None:
        self._server = grpc.aio.server(options=_OPTIONS)
        proxy_pb2_grpc.add_CentrifugoProxyServicer_to_server(servicer, self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        services = (_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(services, self._server)
        bind = partial(self._server.add_insecure_port, listen)
        if certificate:
            pair = (Path(key).read_bytes(), Path(certificate).read_bytes())
            credentials = grpc.ssl_server_credentials([pair])
            bind = partial(self._server.add_secure_port, listen, credentials)
        try:
            bind()
        except RuntimeError as error:
            # gRPC says no more than that
            raise OSError(f"GRPC_LISTEN={listen} cannot be bound: is the port in use?") from error

    async def open(self) -> None:
        serving = health_pb2.HealthCheckResponse.SERVING
        await self._health.set(_SERVICE, serving)
        await self._server.start()

    async def say_closing(self) -> None:
        """Balancers take their calls elsewhere; those that still come are answered."""
        for name in ("", _SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)

    async def close(self) -> None:
        await self._server.stop(_STOP_SECONDS)
