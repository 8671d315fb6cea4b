"""The code in proxy_server/pb is what protoc makes of protos/."""

import subprocess
import sys
from pathlib import Path

from proxy_server.calls.servicer import Servicer
from proxy_server.pb.proxy_pb2_grpc import CentrifugoProxyServicer

ROOT = Path(__file__).parent.parent.parent


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


def test_no_call_is_left_to_its_generated_default() -> None:
    calls = {name for name in vars(CentrifugoProxyServicer) if not name.startswith("_")}
    assert calls == {"Connect", "Subscribe", "RPC"}
    assert calls <= vars(Servicer).keys()
