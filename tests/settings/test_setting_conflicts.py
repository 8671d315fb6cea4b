"""Settings that cannot work together are refused at the start, in a sentence that names them."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

import centrifugo
from proxy_server import setting_conflicts
from proxy_server.delivery import ticks
from proxy_server.settings import Settings
from tests.settings.conftest import Make


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"MAX_UPLOAD_BYTES": "200000000", "CONTEXT_FILE_BYTES": "200000000"},
            (
                "MAX_UPLOAD_BYTES=200000000 is more than MAX_UPLOADS_BYTES=100000000, so a file of "
                "that size could never be stored: lower the first or raise the second"
            ),
        ),
        (
            {"VISITORS_UPLOADS_BYTES": "5000000"},
            (
                "MAX_UPLOAD_BYTES=10000000 is more than VISITORS_UPLOADS_BYTES=5000000, so a "
                "visitor could never store a file of that size: lower the first or raise the second"
            ),
        ),
        (
            {"MAX_UPLOAD_BYTES": "30000000"},
            (
                "MAX_UPLOAD_BYTES=30000000 is more than CONTEXT_FILE_BYTES=20000000, so a prompt "
                "with a file of that size could never be answered: lower the first or raise the "
                "second"
            ),
        ),
        (
            {"CHECKPOINT_SECONDS": "30"},
            (
                "CHECKPOINT_SECONDS=30 is too long for COALESCE_SECONDS=0.04: Centrifugo recovers "
                "300 publications, and an answer can make as many in 12 seconds; lower "
                "CHECKPOINT_SECONDS to 8, or raise COALESCE_SECONDS"
            ),
        ),
        (
            {"LEASE_SECONDS": "0.9"},
            (
                "LEASE_SECONDS=0.9 is too short: the server's heartbeat renews leases every 0.5 "
                "seconds, and one may be late; set LEASE_SECONDS to at least 1"
            ),
        ),
        (
            {"LEASE_SECONDS": "600"},
            (
                "LEASE_SECONDS=600 is too long for Centrifugo's history_ttl of 600 seconds: what a "
                "dead server has published would be gone before another takes over; set "
                "LEASE_SECONDS to 400 or less"
            ),
        ),
        (
            {"METRICS_LISTEN": "127.0.0.1:50051"},
            (
                "GRPC_LISTEN and METRICS_LISTEN are both 127.0.0.1:50051: give one of them another "
                "port"
            ),
        ),
    ],
)
def test_settings_that_cannot_work_together_are_refused(
    make: Make, variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        make(**variables)
    assert [error["msg"] for error in refused.value.errors()] == [f"Value error, {sentence}"]


def test_settings_that_just_work_together_are_accepted(make: Make) -> None:
    for variables in (
        {"MAX_UPLOAD_BYTES": "20000000", "MAX_UPLOADS_BYTES": "20000000"},
        {"CHECKPOINT_SECONDS": "8"},
        {"CHECKPOINT_SECONDS": "4", "COALESCE_SECONDS": "0"},
        {"CHECKPOINT_SECONDS": "200", "COALESCE_SECONDS": "1"},
        {"LEASE_SECONDS": "1"},
        {"LEASE_SECONDS": "400"},
        # Python reads files itself, whatever the model would be given
        {"MAX_UPLOAD_BYTES": "30000000", "RESPONDER": "app.docs:answer"},
    ):
        make(**variables)


def test_settings_are_compared_with_what_our_centrifugo_keeps() -> None:
    for name in ("config.json", "existing-deployment.json"):
        config = json.loads((Path(centrifugo.__file__).parent / name).read_text())
        (options,) = [
            known
            for known in config["channel"]["namespaces"]
            if known["name"] == Settings.model_fields["channel_namespace"].default
        ]
        assert options["history_ttl"] == f"{setting_conflicts._HISTORY_SECONDS // 60}m"
        assert options["history_size"] > setting_conflicts._RECOVERED_PUBLICATIONS
    assert setting_conflicts._LEAST_INTERVAL == ticks._TICK_SECONDS
