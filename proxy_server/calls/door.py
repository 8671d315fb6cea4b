"""The gRPC server that Centrifugo calls: its port, its health, its reflection."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from proxy_server.calls.credential import CredentialCheck
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


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where and how the door stands.

    listen: host:port; credential: what callers must send, if anything.
    certificate, key: files of a chain and its key, both or neither.
    most_calls: in flight; beyond twice as many gRPC itself refuses.
    """

    listen: str
    credential: str
    certificate: str
    key: str
    most_calls: int


class Door:
    """The server at one port."""

    def __init__(self, servicer: Servicer, threshold: Threshold) -> None:
        self._server = grpc.aio.server(
            interceptors=[CredentialCheck(threshold.credential)] if threshold.credential else [],
            options=_OPTIONS,
            maximum_concurrent_rpcs=2 * threshold.most_calls,
        )
        proxy_pb2_grpc.add_CentrifugoProxyServicer_to_server(servicer, self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        services = (_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(services, self._server)
        try:
            if threshold.certificate:
                self._server.add_secure_port(threshold.listen, _credentials(threshold))
            else:
                self._server.add_insecure_port(threshold.listen)
        except RuntimeError as error:
            # gRPC says no more than that
            where = f"GRPC_LISTEN={threshold.listen}"
            raise OSError(f"{where} cannot be bound: is the port in use?") from error

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


def _credentials(threshold: Threshold) -> grpc.ServerCredentials:
    """The certificate as its files have it at each handshake: a renewed one needs no restart."""
    files = (Path(threshold.key), Path(threshold.certificate))
    seen = _written_at(files)

    def read() -> grpc.ServerCertificateConfiguration:
        key, certificate = (file.read_bytes() for file in files)
        return grpc.ssl_server_certificate_configuration([(key, certificate)])

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        try:
            now = _written_at(files)
            if now == seen:
                return None
            found = read()
        except OSError:
            # in the moment of being replaced: the next handshake looks again
            return None
        seen = now
        return found

    # None means that nothing has changed, which the stubs do not know
    fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", renewed)
    return grpc.dynamic_ssl_server_credentials(read(), fetch, require_client_authentication=False)


def _written_at(files: tuple[Path, Path]) -> list[int]:
    return [file.stat().st_mtime_ns for file in files]
