"""The gRPC server that Centrifugo calls: its port, health and reflection."""

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
    # beyond gRPC's 4 MB, so that a request that is too large gets a clear refusal, not a transport
    # error
    ("grpc.max_receive_message_length", 64 << 20),
    # A connection without a sign of life is closed, so that proxies in between notice. The pings
    # also keep idle connections in the tables of middleboxes.
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.http2.ping_timeout_ms", 3000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # and callers may ping as often
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where the server listens, and its limits.

    listen: host:port.
    credential: what callers must send, if anything.
    certificate, key: files of a certificate chain and its key, both or neither.
    most_calls: calls in flight; above twice as many, gRPC itself refuses.
    """

    listen: str
    credential: str
    certificate: str
    key: str
    most_calls: int


class Door:
    """The gRPC server on one port."""

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
            # gRPC's own error does not name the address
            where = f"GRPC_LISTEN={threshold.listen}"
            raise OSError(
                f"{where} is not available: does another program use the port?"
            ) from error

    async def open(self) -> None:
        serving = health_pb2.HealthCheckResponse.SERVING
        await self._health.set(_SERVICE, serving)
        await self._server.start()

    async def say_closing(self) -> None:
        """Tells load balancers to send calls elsewhere; calls that still arrive are answered."""
        for name in ("", _SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)

    async def close(self) -> None:
        await self._server.stop(_STOP_SECONDS)


def _credentials(threshold: Threshold) -> grpc.ServerCredentials:
    """Reads the certificate files at each handshake, so a renewed one needs no restart."""
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
            # the files are being replaced: the next handshake looks again
            return None
        seen = now
        return found

    # None means that nothing has changed; the stubs do not declare it
    fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", renewed)
    return grpc.dynamic_ssl_server_credentials(read(), fetch, require_client_authentication=False)


def _written_at(files: tuple[Path, Path]) -> list[int]:
    return [file.stat().st_mtime_ns for file in files]
