"""docs/protocol.md: each of its names exists in the code, and its client is exact."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import msgspec
import pytest

from proxy_server import errors
from proxy_server.calls.methods import Methods
from proxy_server.protocol import chunks, messages, publications, requests, sessions
from proxy_server.protocol import shapes as chunk_shapes
from proxy_server.protocol.messages import Status
from testbed.deployment import Deployment
from testbed.link import Link
from testbed.program import output_of
from testbed.text import text
from tests.conftest import SETTINGS

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text()
SHAPES = "\n".join(re.findall(r"```ts\n(.+?)```", DOCUMENT, re.DOTALL))

DRIVER = """
import WebSocket from "ws";
import { call, connect, Conversation, isClosed } from "./client.mjs";

const kept = new Map();
globalThis.localStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => kept.set(name, value),
};
globalThis.WebSocket = WebSocket;

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const shown = ({ messages }) =>
  messages.map(({ role, metadata, parts }) => [
    metadata.status ?? role,
    parts.map(({ text }) => text).join(""),
  ]);
const ended = ({ messages }, count) => messages.length === count && messages.every(isClosed);

const scenarios = {
  async whole({ url, prompts }) {
    const first = connect(url);
    await first.ready();
    return Promise.all(
      prompts.map(async (prompt, number) => {
        const one = await Conversation.begin(first, prompt);
        await new Promise((resolve) => setTimeout(resolve, number * 200));
        const late = new Conversation(connect(url), one.id);
        await late.open();
        await until(() => ended(one, 2) && ended(late, 2));
        return [shown(one), shown(late)];
      }),
    );
  },

  async inStep({ url }) {
    const one = await Conversation.begin(connect(url), "/stall 20");
    const other = new Conversation(connect(url), one.id);
    await other.open();
    await one.send("/tokens 5", "queue");
    await until(() => other.messages.length === 4);
    await other.stop();
    await until(() => ended(one, 4) && ended(other, 4));
    const cancelled = one.messages.at(-1).metadata.status;
    await other.regenerate(one.messages.at(-1).id);
    const last = ({ messages }) => messages.at(-1).metadata.status;
    await until(() => last(one) === "complete" && last(other) === "complete");
    const regenerated = [shown(one).slice(3), shown(other).slice(3)];
    await call(connect(url), "rename", { conversation: one.id, title: "Another title" });
    await until(() => one.title === "Another title");
    await call(connect(url), "delete", { conversation: one.id });
    await until(() => one.gone && other.gone);
    return { cancelled, regenerated };
  },

  async refused({ url }) {
    const { id } = await Conversation.begin(connect(url), "/tokens 2");
    kept.clear();
    const foreign = new Conversation(connect(url), id);
    return foreign.open().catch(({ code, temporary }) => [code, temporary]);
  },
};

const [name, argument] = process.argv.slice(2);
console.log(JSON.stringify(await scenarios[name](JSON.parse(argument))));
process.exit(0);
"""

Fields = dict[str, bool]
"""Names, and whether they may be absent."""


def fields_in(body: str) -> Fields:
    body = re.sub(r"//.*", "", body)
    return {name: bool(mark) for name, mark in re.findall(r"(\w+)(\??):", body)}


def documented() -> Iterator[tuple[str, Fields]]:
    """Each documented interface by name, and each member of a union by type."""
    for name, body in re.findall(r"^interface (\w+) \{(.+?)\}", SHAPES, re.DOTALL | re.MULTILINE):
        yield name, fields_in(body)
    for tag, body in re.findall(r'\| \{ type: "([\w-]+)"(.*?)\}', SHAPES):
        yield tag, fields_in(body)


def sent(shape: type[msgspec.Struct]) -> Fields:
    """The fields as they are in JSON."""
    omits = shape.__struct_config__.omit_defaults
    return {
        field.encode_name: field.default is msgspec.UNSET or (omits and not field.required)
        for field in msgspec.structs.fields(shape)
    }


def shapes() -> dict[str, type[msgspec.Struct]]:
    """Those that clients see, by type or else by name."""
    found = [
        value
        for module in (messages, chunks, sessions, publications)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and name[0] != "_"
    ] + [requests.Model]
    read_back = {msgspec.Struct, publications._RawChunks}
    return {
        str(shape.__struct_config__.tag or shape.__name__): shape
        for shape in found
        if shape not in read_back
    }


def test_the_document_has_each_shape_with_its_fields_and_no_other() -> None:
    told = [(name, fields) for name, fields in documented() if name != "deleted"]
    ours = {name: sent(shape) for name, shape in shapes().items() if name != "deleted"}
    json = {
        kind: dict.fromkeys(shape.required, False) | dict.fromkeys(shape.optional, True)
        for kind, shape in chunk_shapes.SHAPES.items()
        if kind not in ours or kind in ("file", "source-url")
    }
    # `sync` goes to both kinds of channels; these are parts as well as chunks
    both = ("source-document", "reasoning-file", "custom", "steering-message")
    twice = [
        ("sync", ours["sync"]),
        ("step-start", {}),
        ("dynamic-tool", {"toolName": False}),
        *((kind, json[kind]) for kind in both),
    ]

    def order(named: tuple[str, Fields]) -> tuple[str, list[str]]:
        return named[0], sorted(named[1])

    assert sorted(told, key=order) == sorted([*ours.items(), *json.items(), *twice], key=order)


def test_a_deletion_names_its_conversation_on_the_users_own_channel_alone() -> None:
    told = [fields for name, fields in documented() if name == "deleted"]
    assert told == [{}, {"conversation": False}]
    assert sent(publications.DeletedPublication) == {"conversation": True}


def test_the_document_has_each_method_with_its_fields_and_no_other() -> None:
    none = cast(Any, None)
    methods = Methods(none, none, none, none, namespace="ai", max_prompt_bytes=0, models=[])
    ours = {
        name: {
            field.encode_name: not field.required
            for field in msgspec.structs.fields(method.request)
        }
        for name, method in methods.table.items()
    }
    rows = re.findall(r"^\| `(ai:\w+)` \| (.+?) \|", DOCUMENT, re.MULTILINE)
    told = {
        name: {field: bool(mark) for field, mark in re.findall(r"`(\w+)(\??)`", cell)}
        for name, cell in rows
    }
    assert told == ours


def test_the_document_has_each_error_each_status_and_each_chunk() -> None:
    refusals = errors.Refusal.__subclasses__()
    rows = re.findall(r"^\| (\d{3}) \| .+ \| (yes|no) \|$", DOCUMENT, re.MULTILINE)
    assert {(int(code), again == "yes") for code, again in rows} == {
        (refusal.code, refusal.temporary) for refusal in refusals
    }
    statuses = DOCUMENT.split("| status | |\n")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", statuses, re.MULTILINE)) == set(get_args(Status))
    table = DOCUMENT.split("| type | what to do |\n")[1].split("\n\n")[0]
    told = re.findall(r"`([\w-]+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)))
    tags = [kind.__struct_config__.tag for kind in get_args(chunks.TypedChunk)]
    tags += [kind for kind in chunk_shapes.SHAPES if kind not in tags]
    assert sorted(told) == sorted(tags)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("protocol")
    settings = {**SETTINGS, "GENERATIONS_PER_USER": "20"}
    with Deployment(folder=folder, settings=settings) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """The document's client in a folder of its own, beside its driver."""
    (example,) = re.findall(r"```js\n(.+?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "client.mjs").write_text(example)
    (tmp_path / "driver.mjs").write_text(DRIVER)
    (tmp_path / "node_modules").symlink_to(ROOT / "frontend" / "node_modules")
    return tmp_path


async def run(client: Path, scenario: str, port: int, **argument: Any) -> Any:
    given = {"url": f"ws://127.0.0.1:{port}/connection/websocket", **argument}
    driven = output_of("node", "driver.mjs", scenario, json.dumps(given), folder=client)
    return json.loads(await asyncio.wait_for(driven, 50))


async def test_the_documents_client_is_exact_while_things_break(
    deployment: Deployment, client: Path
) -> None:
    prompts = [f"/tokens 200 rate=50 seed={seed}" for seed in range(8)]
    async with Link(deployment.port) as link:
        result = asyncio.create_task(run(client, "whole", link.port, prompts=prompts))
        cuts = beats = 0
        # a busy machine starts the clients late
        while not result.done() and (beats < 6 or cuts <= len(prompts)):
            await asyncio.sleep(0.6)
            cuts += link.cut()
            beats += 1
            if beats == 4:
                # all history is gone, and each subscription begins anew
                deployment.centrifugo.kill()
                deployment.centrifugo.start()
        shown = await result
    assert cuts > len(prompts)
    for seed, prompt in enumerate(prompts):
        whole = [["user", prompt], ["complete", text(200, seed)]]
        assert shown[seed] == [whole, whole]


async def test_the_documents_clients_are_in_step(deployment: Deployment, client: Path) -> None:
    seen = await run(client, "inStep", deployment.port)
    answers = [["complete", text(5)]]
    assert seen == {"cancelled": "stopped", "regenerated": [answers, answers]}


async def test_the_documents_client_is_told_no(deployment: Deployment, client: Path) -> None:
    assert await run(client, "refused", deployment.port) == [403, False]
