"""What others may import from the package itself."""

import ast
from pathlib import Path

import proxy_server


def test_every_public_name_is_there_for_programs_and_for_type_checkers() -> None:
    tree = ast.parse(Path(proxy_server.__file__).read_text())
    [checked] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    declared = {alias.name: node.module for node in imports for alias in node.names}
    assert sorted(declared) == proxy_server.__all__
    for name, module in declared.items():
        assert module == f"proxy_server.{proxy_server._WHERE[name]}"
        assert getattr(proxy_server, name) is not None
