"""Settings: what is refused at the start and with which message, and what stays secret."""

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from docs.settings_table import DOCUMENT, written
from proxy_server.settings import Card, Settings
from testbed import deployment
from testbed.deployment import Deployment
from testbed.ports import free_port
from testbed.process import Process
from testbed.waiting import until
from tests.settings.conftest import SECRET, Make

REFUSED = (errno.ECONNREFUSED, "Connection refused")


def test_the_document_has_the_table_of_today() -> None:
    document = DOCUMENT.read_text()
    assert document == written(document), "run `make settings`"


def test_each_setting_is_described_in_a_line() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert not set("|\n") & set(field.description), name


def test_lists_are_comma_separated(make: Make) -> None:
    given = make(
        SIGNING_SECRETS=f" {SECRET}-2 , {SECRET},", MODELS="small, large", OPENAI_MODEL="m"
    )
    assert [secret.get_secret_value() for secret in given.signing_secrets] == [
        f"{SECRET}-2",
        SECRET,
    ]
    assert given.allowed_models == ("m", "small", "large")


def test_responders_have_names_among_the_models(make: Make) -> None:
    route = "https://a.example/chat?v=1"
    given = make(RESPONDERS=f"docs=app.docs:answer, shop = {route},", MODELS="large")
    assert given.responders == {"docs": "app.docs:answer", "shop": route}
    assert given.allowed_models == ("gpt-5-mini", "large", "docs", "shop")


def test_cards_of_models_are_read_or_refused(make: Make) -> None:
    assert make(MODEL_CARDS='{"m": {"title": "M", "input": ["text"]}}').model_cards == {
        "m": Card(title="M", input=("text",))
    }
    for wrong in ("m", '["m"]', '{"m": "M"}', '{"m": {"input": "text"}}', '{"m": {"titel": "M"}}'):
        with pytest.raises(ValidationError, match="model_cards"):
            make(MODEL_CARDS=wrong)


def test_no_model_is_named_that_does_not_answer(make: Make) -> None:
    given = make(RESPONDER="app.docs:answer", OPENAI_MODEL="m", MODELS="large")
    assert given.allowed_models == ("docs", "large")
    given = make(RESPONDER="https://a.example:8443/api/chat/?v=1", OPENAI_MODEL="m")
    assert given.allowed_models == ("chat",)
    assert make(RESPONDER="https://a.example").allowed_models == ("route",)
    given = make(RESPONDERS="docs=app.docs:answer", OPENAI_MODEL="docs", MODELS="m")
    assert given.allowed_models == ("docs", "m")


def test_an_empty_variable_is_none(make: Make) -> None:
    assert make(MAX_GENERATIONS="", OPENAI_MODEL="") == make()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SIGNING_SECRETS": "short"}, "give at least one secret of at least 16 characters"),
        ({"SIGNING_SECRETS": f"{SECRET},short"}, "at least 16 characters"),
        ({"SIGNING_SECRETS": " , "}, "give at least one secret"),
        ({"RESPONDERS": "docs"}, "give name=package.module:attribute"),
        ({"RESPONDERS": "a=b:c,a=d:e"}, "each name once"),
        ({"GRPC_LISTEN": "50051"}, "give host:port"),
        ({"GRPC_LISTEN": "127.0.0.1:70000"}, "give host:port"),
        ({"METRICS_LISTEN": "on"}, "give host:port"),
        ({"GRPC_LISTEN": "0.0.0.0:50051"}, "GRPC_LISTEN=0.0.0.0:50051 can be reached by others"),
        ({"GRPC_LISTEN": "[::]:50051"}, "can be reached by others"),
        ({"GRPC_LISTEN": "10.0.0.1:50051"}, "can be reached by others"),
        ({"GRPC_TLS_CERT": "cert.pem"}, "GRPC_TLS_CERT is set without GRPC_TLS_KEY"),
        ({"GRPC_TLS_KEY": "key.pem"}, "GRPC_TLS_KEY is set without GRPC_TLS_CERT"),
        ({"CENTRIFUGO_API_URL": "ftp://127.0.0.1"}, "should match pattern"),
        ({"DATABASE_URL": "mysql://127.0.0.1/name"}, "should match pattern"),
        ({"OPENAI_BASE_URL": "api.openai.com"}, "should match pattern"),
        ({"IDLE_SECONDS": "0"}, "greater than 0"),
        ({"MAX_GENERATIONS": "0"}, "greater than or equal to 1"),
        ({"COALESCE_SECONDS": "2"}, "less than or equal to 1"),
        ({"TITLES": "none"}, "should be 'prompt' or 'model'"),
    ],
)
def test_what_cannot_be_is_refused(make: Make, variables: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        make(**variables)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "localhost:1", "[::1]:1"])
def test_loopback_needs_no_credential(make: Make, listen: str) -> None:
    assert make(GRPC_LISTEN=listen).grpc_listen == listen


def test_a_credential_opens_the_door(make: Make) -> None:
    assert (
        make(GRPC_LISTEN="0.0.0.0:50051", GRPC_CREDENTIAL="a-known-credential").grpc_listen
        == "0.0.0.0:50051"
    )


def test_secrets_are_not_in_the_repr(make: Make) -> None:
    hidden = {
        "GRPC_CREDENTIAL": "hidden-credential",
        "CENTRIFUGO_API_KEY": "hidden-api-key",
        "OPENAI_API_KEY": "hidden-model-key",
        "DATABASE_URL": "postgresql://user:hidden-password@127.0.0.1/name",
        "SIGNING_SECRETS": "hidden-signing-secret",
    }
    assert "hidden" not in repr(make(**hidden)) + str(make(**hidden))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"GRPC_LISTEN": "0.0.0.0:50051", "LOG_LEVEL": "info"},
            (
                "The server cannot start with these settings:\n"
                "  GRPC_LISTEN=0.0.0.0:50051 can be reached by others: set GRPC_CREDENTIAL, so "
                "that only Centrifugo is accepted, or listen on 127.0.0.1\n"
            ),
        ),
        (
            {"SIGNING_SECRETS": "hidden", "MAX_WAITING": "-1"},
            (
                "The server cannot start with these settings:\n"
                "  SIGNING_SECRETS: give at least one secret of at least 16 characters\n"
                "  MAX_WAITING: Input should be greater than or equal to 0\n"
            ),
        ),
        (
            {"GRPC_TLS_CERT": "no.pem", "GRPC_TLS_KEY": "no.pem"},
            "The server cannot run: [Errno 2] No such file or directory: 'no.pem'\n",
        ),
        (
            {"DATABASE_URL": "postgresql://user:hidden@127.0.0.1:1/name"},
            (
                "The server cannot run: the database is not available "
                f"({ConnectionRefusedError(*REFUSED)!r}): check that it runs, and DATABASE_URL\n"
            ),
        ),
    ],
)
def test_a_server_that_cannot_start_says_why(
    variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = _started(variables, tmp_path)
    assert done.returncode == 1
    assert done.stderr == said
    assert done.stdout == ""


def _started(
    variables: dict[str, str], folder: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    environment = {
        "SIGNING_SECRETS": SECRET,
        "GRPC_LISTEN": f"127.0.0.1:{free_port()}",
        "DATABASE_URL": f"sqlite:///{folder}/conversations.db",
        "METRICS_LISTEN": "off",
    }
    return subprocess.run(
        [sys.executable, *(arguments or ("-m", "proxy_server"))],
        env=environment | variables,
        cwd=DOCUMENT.parent.parent,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _started({"GRPC_LISTEN": listen}, tmp_path)
    said = (
        f"The server cannot run: GRPC_LISTEN={listen} is not available: does another program use "
        "the port?"
    )
    assert done.stderr.splitlines()[-1] == said


def test_a_bug_at_the_start_keeps_its_traceback(tmp_path: Path) -> None:
    broken = (
        "import proxy_server.app, proxy_server.__main__ as main\n"
        "def door(*_): raise RuntimeError('a bug')\n"
        "proxy_server.app.Door = door\n"
        "main.main()\n"
    )
    done = _started({}, tmp_path, "-c", broken)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("RuntimeError: a bug\n")


async def test_a_second_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    settings = {"SHUTDOWN_GRACE_SECONDS": "1000"}
    with Deployment(folder=tmp_path, settings=settings) as running:
        (server,) = running.servers
        client = await running.connect()
        await client.rpc("ai:send", text="/tokens 3000")
        os.kill(server.pid, signal.SIGINT)
        await until(lambda: _drains(server))
        assert server.runs
        os.kill(server.pid, signal.SIGINT)
        await until(lambda: _ended(server))
        await client.close()


async def _drains(server: Process) -> bool:
    return bool(server.events(event="draining"))


async def _ended(server: Process) -> bool:
    return not server.runs


async def test_logs_hold_neither_secrets_nor_prompts(tmp_path: Path) -> None:
    with Deployment(folder=tmp_path, settings={"LOG_LEVEL": "debug"}) as running:
        client = await running.connect()
        session = await client.rpc("ai:send", text="/status 500 my-private-words")
        answer = await client.follow(session)
        await client.rpc("ai:send", text=["my-private-words"])
        await client.rpc("ai:rename", conversation="forged", title="my-private-words")
        token = client.hello["data"]["token"]
        await client.close()
        log = running.servers[0].log_text()
    assert answer["closing"]["type"] == "error"
    assert '"event": "model_failed"' in log
    assert log.count('"event": "call_refused"') == 2
    hidden = (deployment.CREDENTIAL, deployment.API_KEY, deployment.SIGNING_SECRET, token)
    assert not [secret for secret in (*hidden, "my-private-words") if secret in log]
