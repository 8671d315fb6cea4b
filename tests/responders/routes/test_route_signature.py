"""The signature of a request to a route, verified as docs/responders.md shows it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from proxy_server.responders.routes.signature import RouteSigner

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "responders.md").read_text().split("### How it knows who asks")[1]
BODY = '{"turn":{"user":"Änne"}}'.encode()
OURS, OTHER = (f"whsec_{letter * 32}" for letter in "ab")
VERIFY = """
import { verified } from "./verify.mjs";
const asked = JSON.parse(process.argv[2]);
const headers = new Headers(asked.headers);
verified(new Request("http://route", { method: "POST", body: asked.body, headers })).then(
  (body) => console.log(JSON.stringify({ user: body.turn.user })),
  (error) => console.log(JSON.stringify({ refused: error.message })),
);
"""
Verified = Callable[[bytes, Mapping[str, str]], str | None]


def told(language: str) -> str:
    return GUIDE.split(f"```{language}\n")[1].split("```")[0]


@pytest.fixture(params=["Node", "Python"])
def verified(request: pytest.FixtureRequest, tmp_path: Path) -> Verified:
    """The user of a request, by the documentation's code; None if refused."""

    def in_python(body: bytes, headers: Mapping[str, str]) -> str | None:
        known: dict[str, Any] = {}
        exec(told("python"), known)  # noqa: S102
        try:
            found: str = known["verified"](body, headers, OURS)["turn"]["user"]
        except ValueError:
            return None
        return found

    def in_node(body: bytes, headers: Mapping[str, str]) -> str | None:
        (tmp_path / "node_modules").symlink_to(ROOT / "frontend" / "node_modules")
        (tmp_path / "verify.mjs").write_text(told("js"))
        (tmp_path / "main.mjs").write_text(VERIFY)
        asked = json.dumps({"body": body.decode(), "headers": {**headers}})
        ran = subprocess.run(
            ["node", str(tmp_path / "main.mjs"), asked],
            env={**os.environ, "RESPONDER_SECRET": OURS},
            check=True,
            capture_output=True,
        )
        answer: str | None = json.loads(ran.stdout).get("user")
        return answer

    return in_node if request.param == "Node" else in_python


def test_a_request_of_ours(verified: Verified) -> None:
    assert verified(BODY, RouteSigner([OURS]).headers(BODY)) == "Änne"


def test_while_secrets_are_rotated(verified: Verified) -> None:
    assert verified(BODY, RouteSigner([OTHER, OURS]).headers(BODY)) == "Änne"


def test_another_secret(verified: Verified) -> None:
    assert verified(BODY, RouteSigner([OTHER]).headers(BODY)) is None


def test_another_body(verified: Verified) -> None:
    assert verified(BODY.replace(b"nne", b"eve"), RouteSigner([OURS]).headers(BODY)) is None


def test_one_that_was_kept(verified: Verified, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        now = time.time()
        earlier.setattr(time, "time", lambda: now - 400)
        headers = RouteSigner([OURS]).headers(BODY)
    assert verified(BODY, headers) is None


def test_each_request_has_an_id_of_its_own() -> None:
    signer = RouteSigner([OURS])
    assert signer.headers(BODY)["webhook-id"] != signer.headers(BODY)["webhook-id"]
    assert RouteSigner([]).headers(BODY) == {}
