"""Settings that are fine each for itself, and cannot work together or with Centrifugo."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy_server.settings import Settings

HEARTBEAT_SECONDS = 0.5
"""How often a process renews the leases of its answers."""
# A renewal may be late by nearly as long as the time between two.
_LEAST_HEARTBEATS = 2
# Centrifugo's `client.recovery_max_publication_limit`, and its `history_ttl` as we ask for it.
_RECOVERED_PUBLICATIONS = 300
_HISTORY_SECONDS = 600
# A client must get there before the next checkpoint, and a takeover before the history expires.
_USABLE = 2 / 3
_LEAST_INTERVAL = 0.02
"""Between two publications of an answer: a tick of the clock that all answers share."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


def conflicts(settings: "Settings") -> Iterator[str]:
    """A sentence for each, which names the settings and says what to do."""
    yield from _of_the_port(settings)
    yield from _of_files(settings)
    yield from _of_recovery(settings)


def _of_the_port(settings: "Settings") -> Iterator[str]:
    host, _, port = settings.grpc_listen.rpartition(":")
    if not settings.grpc_credential.get_secret_value() and host not in _LOOPBACK:
        yield (
            f"GRPC_LISTEN={settings.grpc_listen} can be reached by others: set GRPC_CREDENTIAL, "
            "so that only Centrifugo is accepted, or listen on 127.0.0.1"
        )
    if bool(settings.grpc_tls_cert) != bool(settings.grpc_tls_key):
        given, missing = "GRPC_TLS_CERT", "GRPC_TLS_KEY"
        if settings.grpc_tls_key:
            given, missing = missing, given
        yield f"{given} is set without {missing}: set both, or neither"
    if settings.grpc_listen == settings.metrics_listen and port != "0":
        yield (
            f"GRPC_LISTEN and METRICS_LISTEN are both {settings.grpc_listen}: give one of them "
            "another port"
        )


def _of_files(settings: "Settings") -> Iterator[str]:
    one = f"MAX_UPLOAD_BYTES={settings.max_upload_bytes}"
    if settings.max_upload_bytes > settings.max_uploads_bytes:
        yield (
            f"{one} is more than MAX_UPLOADS_BYTES={settings.max_uploads_bytes}, so a file of that "
            "size could never be stored: lower the first or raise the second"
        )
    if settings.max_upload_bytes > settings.visitors_uploads_bytes:
        yield (
            f"{one} is more than VISITORS_UPLOADS_BYTES={settings.visitors_uploads_bytes}, so a "
            "visitor could never store a file of that size: lower the first or raise the second"
        )
    only_python = settings.responder and len(settings.own_python) == 1 + len(settings.responders)
    if settings.max_upload_bytes > settings.context_file_bytes and not only_python:
        yield (
            f"{one} is more than CONTEXT_FILE_BYTES={settings.context_file_bytes}, so a prompt "
            "with a file of that size could never be answered: lower the first or raise the second"
        )


def _of_recovery(settings: "Settings") -> Iterator[str]:
    recovered = _RECOVERED_PUBLICATIONS * max(settings.coalesce_seconds, _LEAST_INTERVAL)
    most = round(_USABLE * min(recovered, _HISTORY_SECONDS), 3)
    if settings.checkpoint_seconds > most:
        yield (
            f"CHECKPOINT_SECONDS={settings.checkpoint_seconds:g} is too long for "
            f"COALESCE_SECONDS={settings.coalesce_seconds:g}: Centrifugo recovers "
            f"{_RECOVERED_PUBLICATIONS} publications, and an answer can make as many in "
            f"{recovered:g} seconds; lower CHECKPOINT_SECONDS to {most:g}, or raise "
            "COALESCE_SECONDS"
        )
    least = _LEAST_HEARTBEATS * HEARTBEAT_SECONDS
    if settings.lease_seconds < least:
        yield (
            f"LEASE_SECONDS={settings.lease_seconds:g} is too short: the server's heartbeat renews "
            f"leases every {HEARTBEAT_SECONDS:g} seconds, and one may be late; set LEASE_SECONDS "
            f"to at least {least:g}"
        )
    if settings.lease_seconds > _USABLE * _HISTORY_SECONDS:
        yield (
            f"LEASE_SECONDS={settings.lease_seconds:g} is too long for Centrifugo's history_ttl of "
            f"{_HISTORY_SECONDS} seconds: what a dead server has published would be gone before "
            f"another takes over; set LEASE_SECONDS to {_USABLE * _HISTORY_SECONDS:g} or less"
        )
