"""Limits in memory: a refusal is cheap, and a refused user harms nobody else."""

import asyncio
import uuid
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_server.access.callers import Caller, address_of
from proxy_server.access.limits import AddressLimiter, CallLimiter, Places, Rate, Shares
from proxy_server.errors import LimitReached, Unavailable
from proxy_server.pb import proxy_pb2
from testbed.deployment import Deployment
from testbed.door import KNOWN, Door

VISITOR = "visitor-abc"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_more_pass_than_the_rate_and_one_burst(pauses: list[float]) -> None:
    clock = Clock()
    rate = Rate(2, burst=5, clock=clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += rate.take("anna") == 0
        assert passed <= 5 + 2 * clock.now + 1e-6


def test_a_refusal_says_when_and_that_is_true() -> None:
    clock = Clock()
    rate = Rate(2, burst=1, clock=clock)
    assert rate.take("anna") == 0
    seconds = rate.take("anna")
    assert seconds == pytest.approx(0.5)
    assert rate.take("bert") == 0
    clock.now += seconds
    assert rate.take("anna") == 0


def test_whoever_was_seen_the_longest_ago_is_forgotten() -> None:
    clock = Clock()
    rate = Rate(1 / 60, burst=1, clock=clock)
    for number in range(50_000):
        rate.take(str(number))
        assert rate.take("anna") == 0 or number
    assert len(rate._buckets) <= 20_000
    assert rate.take("anna") > 0


def test_calls_in_flight_are_counted_while_they_last() -> None:
    limiter = CallLimiter(at_once=2, per_second=1000, most=3)
    with limiter.call("anna"), limiter.call("anna"):
        with pytest.raises(LimitReached), limiter.call("anna"):
            pass
        with limiter.call("bert"), pytest.raises(Unavailable), limiter.call("cleo"):
            pass
    with limiter.call("anna"):
        pass


def test_pieces_of_files_are_counted_by_their_bytes_and_apart_from_calls() -> None:
    limiter = CallLimiter(at_once=1, per_second=0.01, most=3, file_bytes=0.01)
    with limiter.call("anna", 48_000):
        pass
    with pytest.raises(LimitReached, match=r"Try again in \d+ seconds"), limiter.call("anna", 1):
        pass
    with limiter.call("anna"):
        pass
    with pytest.raises(LimitReached), limiter.call("anna"):
        pass
    with limiter.call("bert", 48_000):
        pass


def test_places_are_shared() -> None:
    places = Places(10, Shares(one=0.3, visitors=0.5))
    for number in range(3):
        places.take(f"a{number}", Caller(f"user {number}", "10.0.0.1"))
    with pytest.raises(LimitReached):
        places.take("a3", Caller("user 3", "10.0.0.1"))
    places.give_back("a0")
    places.give_back("a0")
    places.take("a3", Caller("user 3", "10.0.0.1"))
    for number in range(5):
        places.take(f"v{number}", Caller(f"{VISITOR}{number}"))
    with pytest.raises(Unavailable):
        places.take("v5", Caller(f"{VISITOR}5"))
    places.take("u", Caller("anna"))
    places.take("w", Caller("bert"))
    assert places.free == 0
    with pytest.raises(Unavailable):
        places.take("x", Caller("cleo"))


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        (["203.0.113.7"], 0, ""),
        (["203.0.113.7"], 1, "203.0.113.7"),
        (["6.6.6.6, 203.0.113.7"], 1, "203.0.113.7"),
        (["6.6.6.6", "203.0.113.7, 10.0.0.2"], 2, "203.0.113.7"),
        (["203.0.113.7"], 2, ""),
        (["2001:db8:1:2:aaaa::1"], 1, "2001:db8:1:2::/64"),
        (["2001:db8:1:2:bbbb::9"], 1, "2001:db8:1:2::/64"),
        (["::ffff:203.0.113.7"], 1, "203.0.113.7"),
        (["unknown"], 1, ""),
        ([], 1, ""),
    ],
)
def test_the_address_is_what_our_own_proxy_saw(
    forwarded: list[str], proxies: int, address: str
) -> None:
    assert address_of(forwarded, proxies) == address


def test_an_address_that_is_not_known_is_not_limited() -> None:
    limiter = AddressLimiter(visitors_per_minute=1, prompts_per_minute=1)
    for _ in range(3):
        limiter.admit_visitor("")
        limiter.admit_prompt("")
    limiter.admit_visitor("10.0.0.1")
    with pytest.raises(LimitReached, match=r"Try again in \d+ seconds"):
        limiter.admit_visitor("10.0.0.1")
    limiter.admit_visitor("10.0.0.2")


async def test_a_flood_is_refused_and_others_are_answered(infrastructure: Deployment) -> None:
    with infrastructure.server(2, CALLS_AT_ONCE="4", CALLS_PER_SECOND="2") as server:
        async with Door(server.port) as door:
            user, other = str(uuid.uuid4()), str(uuid.uuid4())
            flood = [asyncio.create_task(door.rpc(user, "ai:list")) for _ in range(40)]
            session = await door.rpc(other, "ai:send", text="/tokens 3")
            assert "error" not in session
            replies = await asyncio.gather(*flood)
            refused = [reply["error"] for reply in replies if "error" in reply]
            assert len(refused) >= 30
            assert {error["code"] for error in refused} == {429}
            assert all("Try again in" in error["message"] for error in refused)


async def test_visitors_and_prompts_of_one_address(infrastructure: Deployment) -> None:
    settings = {
        "TRUSTED_PROXIES": "1",
        "VISITORS_PER_ADDRESS": "3",
        "PROMPTS_PER_ADDRESS": "2",
    }
    with infrastructure.server(2, **settings) as server:
        async with Door(server.port) as door:

            async def welcomed(address: str) -> bool:
                metadata = (*KNOWN, ("x-forwarded-for", f"6.6.6.6, {address}"))
                reply = await door.stub.Connect(proxy_pb2.ConnectRequest(), metadata=metadata)
                return not reply.HasField("error")

            assert [await welcomed("203.0.113.7") for _ in range(4)] == [True] * 3 + [False]
            assert await welcomed("203.0.113.8")

            async def prompted(address: str) -> int:
                request = proxy_pb2.RPCRequest(
                    user=str(uuid.uuid4()), method="ai:send", data=b'{"text": "/tokens 1"}'
                )
                metadata = (*KNOWN, ("x-forwarded-for", address))
                reply = await door.stub.RPC(request, metadata=metadata)
                return int(reply.error.code)

            assert [await prompted("203.0.113.9") for _ in range(3)] == [0, 0, 429]
            assert await prompted("203.0.113.10") == 0


async def test_no_call_is_answered_without_the_credential(infrastructure: Deployment) -> None:
    with infrastructure.server(2) as server:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            for call in ("Connect", "Refresh", "Subscribe", "RPC", "SubRefresh"):
                method: Any = channel.unary_unary(
                    f"/centrifugal.centrifugo.proxy.CentrifugoProxy/{call}"
                )
                for metadata in ((), (("x-centrifugo-credential", "wrong"),)):
                    with pytest.raises(grpc.aio.AioRpcError) as refused:
                        await method(b"", metadata=metadata)
                    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert 0 < server.log_since_start().count("caller_refused") <= 20
