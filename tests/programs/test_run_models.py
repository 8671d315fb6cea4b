"""Which model `make run` answers with."""

import json
import signal
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import websockets

from run.found_models import offers
from run.parts import LOCAL_MODEL, parts
from testbed import machine
from testbed.client import Client
from testbed.ports import free_port
from tests.conftest import needs
from tests.programs.running import Run, ends


@pytest.mark.timeout(300)  # a model in this process's share of the machine
async def test_the_local_model_answers_a_prompt_through_the_page(run: Run) -> None:
    needs(libgomp=machine.openmp() or None)
    run.start()
    address = f"localhost:{run.ports.page}"
    client = await Client.connect(
        f"ws://{address}/connection/websocket", {}, origin=f"http://{address}"
    )

    session = await client.rpc("ai:send", text="What is the capital of France?")
    answer = await client.follow(session)
    await client.close()

    assert answer["text"]
    metadata = answer["closing"]["messageMetadata"]
    assert metadata["status"] == "complete"
    assert metadata["model"] == "SmolLM2-135M-Instruct"
    assert metadata["usage"]["output_tokens"] > 0
    ends(run, signal.SIGINT)


async def test_apps_of_this_machine_may_connect_and_other_sites_may_not(run: Run) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    run.start()
    address = f"ws://localhost:{run.ports.centrifugo}/connection/websocket"
    for app in ("http://localhost:5173", "http://127.0.0.1:3000"):
        async with websockets.connect(address, origin=websockets.Origin(app)):
            pass
    for site in ("https://evil.example", "http://localhost.evil.example:5173"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(address, origin=websockets.Origin(site))
        assert refused.value.response.status_code == 403
    ends(run, signal.SIGTERM)


def test_another_model_needs_no_local_one(run: Run) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        names = [part.name for part in parts(run.environment | {name: "x"}, run.ports)]
        assert names == ["Centrifugo", "the proxy server", "the page"]
    assert "the local model" in [part.name for part in parts(run.environment, run.ports)]


def test_any_file_of_weights_answers(run: Run) -> None:
    given = {
        "LOCAL_MODEL": "/models/some-model.gguf",
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": "x",
    }
    _, model, server, _ = parts(run.environment | given, run.ports)
    assert model.command[-2:] == ["--weights", "/models/some-model.gguf"]
    assert server.environment["OPENAI_MODEL"] == "some-model"
    assert server.environment["OPENAI_BASE_URL"].endswith(f":{run.ports.local_model}/v1")


def test_weights_that_are_not_there(run: Run) -> None:
    run.environment["LOCAL_MODEL"] = "/nowhere/model.gguf"
    said = (
        "LOCAL_MODEL=/nowhere/model.gguf does not exist: give the path of a model's weights "
        "(.gguf).\n"
    )
    assert run.fails() == said


class _Ollama(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        names = ("nomic-embed-text", "llama3.2:1b")
        self.wfile.write(json.dumps({"data": [{"id": name} for name in names]}).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_model_server_of_the_machine_is_offered() -> None:
    with HTTPServer(("127.0.0.1", 0), _Ollama) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        port = server.server_port
        assert offers({"Ollama": port, "LM Studio": free_port()}) == [
            (
                "Ollama on this machine has llama3.2:1b: "
                f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 OPENAI_MODEL=llama3.2:1b make run"
            )
        ]
        thread.join()


def test_settings_go_before_what_the_local_model_would_have(run: Run) -> None:
    def model(**given: str) -> dict[str, str]:
        *_, server, _ = parts(run.environment | given, run.ports)
        return {name: server.environment[name] for name in LOCAL_MODEL}

    assert model() == model(MAX_OUTPUT_TOKENS="") == LOCAL_MODEL
    assert model(MAX_OUTPUT_TOKENS="200") == LOCAL_MODEL | {"MAX_OUTPUT_TOKENS": "200"}
