"""What an operator sees: metrics, a log line for each event, a Centrifugo that is down."""

import re
import uuid

import httpx
import pytest

from testbed.deployment import Deployment
from testbed.door import Door
from testbed.ports import free_port
from testbed.waiting import until


async def test_metrics_tell_of_an_answer(infrastructure: Deployment) -> None:
    listen = f"127.0.0.1:{free_port()}"
    with infrastructure.server(METRICS_LISTEN=listen):
        client = await infrastructure.connect()
        await client.follow(await client.rpc("ai:send", text="/tokens 30"))
        await client.follow(await client.rpc("ai:send", text="/cut 3"))
        await client.rpc("ai:send", text="")
        async with httpx.AsyncClient() as http:
            told = (await http.get(f"http://{listen}/metrics")).text
        await client.close()
    for line in (
        'llm_generations_total{status="complete"} 1.0',
        'llm_generations_total{status="failed"} 1.0',
        "llm_generations_active 0.0",
        "llm_first_token_seconds_count 2.0",
        'llm_tokens_total{direction="output"} 12.0',
        'llm_proxy_calls_total{code="ok",method="ai:send"} 2.0',
        'llm_proxy_calls_total{code="400",method="ai:send"} 1.0',
        'llm_proxy_calls_total{code="ok",method="Connect"} 1.0',
        'llm_proxy_calls_total{code="ok",method="Subscribe"} 2.0',
    ):
        assert line in told
    for histogram in ("llm_publish_seconds", "llm_publish_batch_size"):
        assert re.search(rf"^{histogram}_count [1-9]", told, re.MULTILINE), histogram


async def test_the_log_names_everybody_and_quotes_nobody(infrastructure: Deployment) -> None:
    secret = f"a-secret-{uuid.uuid4()}"
    with infrastructure.server(2) as server:
        async with Door(server.port) as door:
            session = await door.rpc("anna", "ai:send", text=f"/status 500 {secret}")
            await door.rpc("bert", "ai:open", conversation=session["conversation"])

            async def ended() -> bool:
                opened = await door.rpc("anna", "ai:open", conversation=session["conversation"])
                return opened["generation"] is None

            await until(ended)
    assert secret not in server.log_since_start()
    about = server.events(conversation=session["conversation"])
    assert [line["event"] for line in about] == [
        "prompt_accepted",
        "model_failed",
        "generation_ended",
    ]
    assert all(line["message"] == session["generation"]["message"] for line in about)
    assert all(line["user"] == "anna" for line in about)
    refused = server.events(event="call_refused")
    assert [(line["user"], line["code"]) for line in refused] == [("bert", 403)]


@pytest.mark.parametrize("scheme", ["grpc", "http"])
async def test_a_wrong_api_key_refuses_prompts(infrastructure: Deployment, scheme: str) -> None:
    url = {
        "grpc": f"grpc://127.0.0.1:{infrastructure.grpc_api_port}",
        "http": f"http://127.0.0.1:{infrastructure.port}/api",
    }[scheme]
    with infrastructure.server(2, CENTRIFUGO_API_KEY="wrong", CENTRIFUGO_API_URL=url) as server:
        await refuses_prompts(server.port)
        assert server.events(event="centrifugo_api_failed")


@pytest.mark.parametrize("scheme", ["grpc", "http"])
async def test_no_api_refuses_prompts(infrastructure: Deployment, scheme: str) -> None:
    url = {"grpc": "grpc://127.0.0.1:{}", "http": "http://127.0.0.1:{}/api"}[scheme]
    nowhere = url.format(free_port())
    with infrastructure.server(2, CENTRIFUGO_API_URL=nowhere) as server:
        await refuses_prompts(server.port)
        assert server.events(event="centrifugo_api_failed")


async def refuses_prompts(port: int) -> None:
    user = str(uuid.uuid4())
    async with Door(port) as door:
        error = (await door.rpc(user, "ai:send", text="/tokens 3"))["error"]
        assert (error["code"], error["temporary"]) == (503, True)
        assert error["message"] == "Answers cannot be delivered at the moment. Try again."
        assert (await door.rpc(user, "ai:list"))["conversations"] == []
