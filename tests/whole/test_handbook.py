"""The operator's handbook matches the code, and its balancer works with real replicas."""

import ast
import asyncio
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.metrics import MetricWrapperBase

import proxy_server
from proxy_server import telemetry
from testbed import machine
from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.nginx import nginx
from testbed.process import Process
from testbed.text import text
from tests.conftest import needs

PACKAGE = Path(proxy_server.__file__).parent
LEVELS = {
    **{level: level for level in ("debug", "info", "warning", "error")},
    "exception": "error",
}
HANDBOOK = (PACKAGE.parent / "docs" / "operations.md").read_text()


def section(title: str) -> str:
    return HANDBOOK.split(f"## {title}\n")[1].split("\n## ")[0]


class Event(NamedTuple):
    name: str
    level: str
    fields: set[str]


def logged() -> Iterator[Event]:
    """Each event where it is logged; optional fields count too."""
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        bound = {
            ast.unparse(node.targets[0]): {keyword.arg or "" for keyword in node.value.keywords}
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "log.bind"
        }
        named = {id(call): name for call, name in _by_case(tree)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            on, level = ast.unparse(node.func.value), node.func.attr
            if level not in LEVELS or on not in {"log", *bound}:
                continue
            name = named.get(id(node)) or ast.literal_eval(node.args[0])
            given = {keyword.arg or "" for keyword in node.keywords} | bound.get(on, set())
            trace = {"exception"} if level == "exception" or "exc_info" in given else set()
            yield Event(name, LEVELS[level], given - {"exc_info"} | trace)


def _by_case(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """The calls under `match event`, each with the event of its case; `case _` has the rest."""
    returned = {
        value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
        for value in node.value.elts
        if isinstance(value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Match) and ast.unparse(node.subject) == "event":
            names = [
                ast.literal_eval(case.pattern.value)
                for case in node.cases
                if isinstance(case.pattern, ast.MatchValue)
            ]
            if not names:
                continue
            (rest,) = returned - set(names)
            for case, name in zip(node.cases, [*names, rest], strict=True):
                for inner in ast.walk(case):
                    if isinstance(inner, ast.Call):
                        yield inner, name


def test_the_handbook_has_each_event_with_its_level_and_fields_and_no_other() -> None:
    ours = list(logged())
    assert len(ours) > 20
    rows = re.findall(r"^\| (`[^|]+) \| ([a-z, ]+) \| ([^|]*) \|", section("Logs"), re.MULTILINE)
    told = [(set(re.findall(r"`(\w+)`", names)), levels, fields) for names, levels, fields in rows]
    assert {name for names, _, _ in told for name in names} == {event.name for event in ours}
    for names, levels, fields in told:
        these = [event for event in ours if event.name in names]
        assert set(levels.split(", ")) == {event.level for event in these}, names
        found = set().union(*(event.fields for event in these))
        assert set(re.findall(r"`(\w+)`", fields)) == found, names


def test_the_handbook_has_each_metric_and_no_other() -> None:
    ours = [value for value in vars(telemetry).values() if isinstance(value, MetricWrapperBase)]
    names = {
        f"{family.name}{'_total' if family.type == 'counter' else ''}"
        for metric in ours
        for family in metric.collect()
    }
    rows = re.findall(r"^\| `(\w+)", section("Metrics"), re.MULTILINE)
    assert set(rows) == names
    asked = set(re.findall(r"\bllm_\w+", section("Metrics").split("```yaml")[1]))
    buckets = {f"{name}_bucket" for name in names}
    assert asked <= names | buckets


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Deployment]:
    """Two, behind nginx with the handbook's configuration."""
    needs(nginx=machine.nginx(), postgresql=machine.postgres())
    with Deployment(folder=tmp_path, replicas=2, database="postgresql") as running:
        assert running.balancer
        running.balancer.stop()
        told = HANDBOOK.split("```nginx\n")[1].split("```")[0]
        for address, server in zip(("10.0.0.11", "10.0.0.12"), running.servers, strict=True):
            told = told.replace(f"{address}:50051", f"127.0.0.1:{server.port}")
        told = told.replace("listen 50051", f"listen 127.0.0.1:{running.door_port}")
        (tmp_path / "handbook").mkdir()
        with nginx(running.door_port, told, tmp_path / "handbook"):
            yield running


async def test_a_deploy_behind_the_balancer_loses_nothing(replicas: Deployment) -> None:
    client = await replicas.connect()
    deployed = asyncio.create_task(deploy(replicas.servers))
    asked = 0
    while not deployed.done() or asked < 6:
        session = await insist(client, f"/tokens 30 seed={asked}")
        answer = await client.follow(session)
        assert answer["text"] == text(30, asked)
        assert answer["closing"]["messageMetadata"]["status"] == "complete"
        asked += 1
    await deployed
    await client.close()
    accepted = [server.log_text().count('"prompt_accepted"') for server in replicas.servers]
    assert sum(accepted) == asked
    assert all(accepted)


async def deploy(servers: list[Process]) -> None:
    """Replaces one replica after the other, each in the middle of answers."""
    for server in servers:
        await asyncio.sleep(0.5)
        assert await asyncio.to_thread(server.stop) == 0
        await asyncio.to_thread(server.start)


async def insist(client: Client, prompt: str) -> Json:
    """Repeats the call with the same id after temporary errors, as the library does."""
    name = str(uuid.uuid4())
    for _ in range(200):
        session = await client.rpc("ai:send", id=name, text=prompt)
        if "error" not in session:
            return session
        assert session["error"]["temporary"], session
        await asyncio.sleep(0.1)
    pytest.fail("no replica took the prompt")
