"""Modules import only from rows above their own; generated code is that of the .proto files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = (
    ("errors", "settings", "signatures", "metrics", "pulse", "patience", "aftermath", "pb"),
    ("chunks", "channels", "identity", "transport"),
    ("transcript", "server_api", "store"),
    ("answer",),
    ("model", "publisher", "rows", "migrate"),
    ("outbox",),
    ("leases", "conversations", "announcer"),
    ("turns", "context", "progress", "takeover"),
    ("generation",),
    ("titles",),
    ("runner",),
    ("methods",),
    ("servicer",),
    ("server",),
    ("__main__",),
)
ROW = {module: row for row, modules in enumerate(ROWS) for module in modules}
APART = {"__init__", "local_model"}


def test_imports_point_upwards() -> None:
    wrong = []
    for path in (ROOT / "proxy_server").glob("*.py"):
        if path.stem in APART:
            continue
        wrong += [
            f"{path.stem} imports {imported}"
            for imported in own_imports(path.read_text())
            if ROW[imported] >= ROW[path.stem]
        ]
    assert wrong == []


def own_imports(source: str) -> Iterator[str]:
    """The modules of the package that are imported, in whichever of the three ways."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "proxy_server":
            names = [f"proxy_server.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name.startswith("proxy_server."):
                yield name.split(".")[1]


def test_each_way_to_import_is_seen() -> None:
    source = "import proxy_server.answers.runner\nfrom proxy_server import metrics, store\n"
    source += "from proxy_server.pb import proxy_pb2\nimport asyncio\nfrom os import path\n"
    assert [*own_imports(source)] == ["runner", "metrics", "store", "pb"]


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-I", "proxy_server/pb=protos"),
            *(f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", f"--grpc_python_out={tmp_path}"),
            *("protos/proxy.proto", "protos/api.proto"),
        ],
        cwd=ROOT,
        check=True,
    )
    for made in (tmp_path / "proxy_server" / "pb").iterdir():
        committed = ROOT / "proxy_server" / "pb" / made.name
        assert made.read_text() == committed.read_text(), f"run make proto: {made.name} is stale"
