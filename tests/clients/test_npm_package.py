"""The npm package as apps get it: what is in the tarball, and new apps that use it."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from testbed.frontend import FRONTEND
from tests.clients.node import CLIENT

MANIFEST = json.loads((CLIENT / "package.json").read_text())
MODULES = FRONTEND / "node_modules"
DOCUMENT = (FRONTEND.parent / "docs" / "ai-sdk.md").read_text()
# what an app has itself, by the version of the AI SDK
PEERS = {
    "7": {"ai": "ai", "@ai-sdk/react": "@ai-sdk/react"},
    "6": {"ai": "ai-sdk-react-3/node_modules/ai", "@ai-sdk/react": "ai-sdk-react-3"},
}
APP = """\
import { useChat } from "@ai-sdk/react";
import type { ChatTransport, UIMessage } from "ai";
import { Centrifuge } from "centrifuge";
import { ChatClient, type Message, textOf } from "centrifugo-llm";
import { threadList } from "centrifugo-llm/assistant-ui";
import { CentrifugoChatTransport, centrifugoChat, CallError } from "centrifugo-llm/ai-sdk";
import { keepInStep } from "centrifugo-llm/in-step";
import { useCentrifugoChat, useConversations } from "centrifugo-llm/react";

const centrifuge = new Centrifuge("ws://localhost:8000/connection/websocket");
const client = new ChatClient({ existing: centrifuge });
const transport: ChatTransport<UIMessage> = centrifugoChat(centrifuge, { whenBusy: "queue" });
type Own = UIMessage<{ model?: string }>;
const own = new CentrifugoChatTransport<Own>({
  connection: client,
  prepare: ({ body }) => ({ data: body, model: "a-model" }),
  onEvent: (event) => event.type === "first-chunk" && console.log(event.ms),
});

export function Plain() {
  return useChat({ id: "a", transport }).messages.length;
}
export function InStep() {
  const { messages, status, stop, title, error } = useCentrifugoChat({ id: "a", transport: own });
  const model: string | undefined = messages[0]?.metadata?.model;
  return [status, stop, title, model, error instanceof CallError && error.code];
}
export function List() {
  return useConversations(own).conversations.map(({ key, title }) => [key, title]);
}
export const threads = threadList(own);
export const text = (message: Message) => textOf(message);
export const step = keepInStep({ id: "a", status: "ready", messages: [] as Own[] }, own);
"""


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tarball")
    pack = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    subprocess.run(pack, cwd=CLIENT, check=True, capture_output=True)
    [made] = folder.glob("*.tgz")
    return made


def installed(tarball: Path, app: Path, peers: dict[str, str]) -> Path:
    """A new app with the package from the tarball, and links to what an app has itself."""
    modules = app / "node_modules"
    modules.mkdir(parents=True)
    with tarfile.open(tarball) as packed:
        packed.extractall(app, filter="data")
    (app / "package").rename(modules / "centrifugo-llm")
    for name, place in peers.items():
        link = modules / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(MODULES / place)
    (app / "package.json").write_text('{"type": "module", "private": true}')
    return app


def imported(app: Path, *entries: str) -> list[list[str]]:
    """What Node finds in each entry."""
    names = [
        f"console.log(JSON.stringify(Object.keys(await import('{name}'))))" for name in entries
    ]
    done = subprocess.run(
        ["node", "--input-type=module", "-e", ";".join(names)],
        cwd=app,
        check=True,
        capture_output=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_tarball_has_each_entry_with_types_and_sources(tarball: Path) -> None:
    with tarfile.open(tarball) as packed:
        names = {name.removeprefix("package/") for name in packed.getnames()}
    for entry in MANIFEST["exports"].values():
        for file in entry.values():
            assert file.removeprefix("./") in names
    sources = {str(path.relative_to(CLIENT)) for path in (CLIENT / "src").rglob("*.ts")}
    stems = [source.removeprefix("src/").removesuffix(".ts") for source in sources]
    endings = (".js", ".js.map", ".d.ts", ".d.ts.map")
    built = {f"dist/{stem}{ending}" for stem in stems for ending in endings}
    ours = sources | built | {"package.json", "README.md", "LICENSE"}
    assert ours <= names
    # files of an older build, which do not exist when it is published
    assert all(name.startswith("dist/") for name in names - ours)


def test_no_file_names_a_place_on_this_machine(tarball: Path) -> None:
    with tarfile.open(tarball) as packed:
        for member in packed.getmembers():
            file = packed.extractfile(member)
            assert file is not None
            assert str(FRONTEND.parent).encode() not in file.read(), member.name


@pytest.mark.parametrize("version", PEERS)
def test_a_new_app_is_checked_against_its_types(
    tarball: Path, tmp_path: Path, version: str
) -> None:
    links = {name: name for name in ("react", "centrifuge", "@types/react")}
    app = installed(tarball, tmp_path / "app", {**links, **PEERS[version]})
    (app / "app.ts").write_text(APP)
    documented = re.findall(r"```tsx\n(import.+?)```", DOCUMENT, re.DOTALL)
    (app / "documented.ts").write_text(documented[0])
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022"]
    checked = subprocess.run(
        [
            MODULES / ".bin" / "tsc",
            *options,
            "--types",
            "react",
            "--skipLibCheck",
            "app.ts",
            "documented.ts",
        ],
        cwd=app,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
    shown = imported(app, *(f"centrifugo-llm{entry[1:]}" for entry in MANIFEST["exports"]))
    assert "ChatClient" in shown[0]
    assert {"CentrifugoChatTransport", "centrifugoChat"} <= set(shown[1])
    assert "keepInStep" in shown[2]
    assert {"useCentrifugoChat", "useConversations"} <= set(shown[3])
    assert "threadList" in shown[4]


def test_an_app_without_the_ai_sdk_or_react_needs_neither(tarball: Path, tmp_path: Path) -> None:
    app = installed(tarball, tmp_path / "app", {"centrifuge": "centrifuge"})
    client, transport, step = imported(
        app, "centrifugo-llm", "centrifugo-llm/ai-sdk", "centrifugo-llm/in-step"
    )
    assert "ChatClient" in client
    assert "centrifugoChat" in transport
    assert "keepInStep" in step
