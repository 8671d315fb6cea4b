"""Modules import only from rows above their own; generated code is that of the .proto files."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = (
    ("errors", "settings", "signatures", "metrics", "pulse", "patience", "aftermath", "pb"),
    ("chunks", "channels", "identity", "transport"),
    ("transcript", "server_api", "store"),
    ("model", "publisher", "outbox", "rows", "migrate"),
    ("leases", "conversations"),
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
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("proxy_server."):
                imported = (node.module or "").split(".")[1]
                if ROW[imported] >= ROW[path.stem]:
                    wrong.append(f"{path.stem} imports {imported}")
    assert wrong == []


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
