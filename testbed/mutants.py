"""Mutation tests: breaks the core in one place at a time, and counts what the tests notice.

What is not noticed is printed: a test is missing, or the code does not matter.
"""

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from testbed.hermetic import inherited

ROOT = Path(__file__).parent.parent
PACKAGE = "proxy_server"
_INTERLEAVINGS = ("tests/answers/test_interleavings.py",)
# by module: the tests to run first, and those to run if they notice nothing
TESTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "delivery/publisher.py": (("tests/delivery",), _INTERLEAVINGS),
    "answers/progress.py": (("tests/answers/test_progress.py",), _INTERLEAVINGS),
    "answers/heartbeat.py": (("tests/answers/test_heartbeat.py",), _INTERLEAVINGS),
    "answers/deadline.py": (("tests/answers/test_deadline.py",), _INTERLEAVINGS),
    "answers/takeover.py": (("tests/answers/test_takeover.py",), _INTERLEAVINGS),
    "store/generations.py": (("tests/store/test_leases.py",), _INTERLEAVINGS),
    "access/channels.py": (("tests/access/test_ownership.py",), ()),
    "access/signatures.py": (("tests/access/test_ownership.py",), ()),
    "access/limits.py": (("tests/access/test_call_limits.py",), ()),
    "responders/model/time_limit.py": (("tests/responders/model/test_time_limit.py",), ()),
}
_MOST_SECONDS = 900
# tests must import these from the copy, not from the tree itself
_COPIED = (PACKAGE, "tests", "testbed", "chaos", "bench", "centrifugo", "run")
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutant:
    """One change of a module, as its complete changed source."""

    module: str
    line: int
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.change}"


def mutants(module: str) -> Iterator[Mutant]:
    """All changes of that module that this program knows."""
    source = (ROOT / PACKAGE / module).read_text()
    for number, node in enumerate(ast.walk(ast.parse(source))):
        for how in range(len(_changes(node))):
            tree = ast.parse(source)
            changed = next(one for at, one in enumerate(ast.walk(tree)) if at == number)
            before = _shown(changed)
            _apply(tree, changed, _changes(changed)[how])
            line = getattr(node, "lineno", 0)
            after = ast.unparse(ast.fix_missing_locations(tree))
            yield Mutant(module, line, f"{before} ({_changes(node)[how]})", after)


def _changes(node: ast.AST) -> list[str]:
    """The possible changes of a node."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _OPPOSITES:
            return ["the other comparison"]
        case ast.BoolOp():
            return ["and for or", "without its last"]
        case ast.UnaryOp(op=ast.Not()):
            return ["without not"]
        case ast.If() | ast.While():
            return ["never"]
        case ast.Expr(value=ast.Call() | ast.Await()):
            return ["left out"]
        case ast.AugAssign(op=ast.Add() | ast.Sub()):
            return ["the other sign"]
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return ["the other sign"]
        case ast.Assign(targets=[ast.Attribute()]):
            return ["left out"]
    return []


def _apply(tree: ast.Module, node: ast.AST, change: str) -> None:
    match node:
        case ast.Compare():
            node.ops = [_OPPOSITES[type(node.ops[0])]()]
        case ast.BoolOp() if change == "and for or":
            node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        case ast.BoolOp():
            node.values = node.values[:-1]
        case ast.UnaryOp():
            _replace(tree, node, node.operand)
        case ast.If() | ast.While():
            node.test = ast.Constant(value=False)
        case ast.AugAssign() | ast.BinOp():
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        case ast.stmt():
            _replace(tree, node, ast.Pass())


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                value[:] = [new if one is old else one for one in value]


def _shown(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0][:70]


class Copy:
    """A copy of the tree in which one module at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for entry in ROOT.iterdir():
            if entry.is_file() or entry.name in _COPIED:
                copy = shutil.copyfile if entry.is_file() else shutil.copytree
                copy(entry, folder / entry.name)
            else:
                (folder / entry.name).symlink_to(entry)

    def notices(self, mutant: Mutant) -> bool:
        """Whether a test fails; runs the quick ones first."""
        file = self._folder / PACKAGE / mutant.module
        intact = file.read_text()
        file.write_text(mutant.source)
        try:
            return any(tests and self._fails(tests) for tests in TESTS[mutant.module])
        finally:
            file.write_text(intact)

    def _fails(self, tests: tuple[str, ...]) -> bool:
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        try:
            done = subprocess.run(
                [*command, *tests],
                cwd=self._folder,
                env=inherited(),
                capture_output=True,
                check=False,
                timeout=_MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m testbed.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=TESTS, default=list(TESTS), metavar="MODULE")
    parser.add_argument("--most", type=int, default=0, help="of each module, by chance; 0 is all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="without the slow tests")
    options = parser.parse_args()
    if options.quick:
        TESTS.update({module: (quick, ()) for module, (quick, _) in TESTS.items()})
    chance, caught, missed = random.Random(options.seed), 0, 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: Queue[Copy] = Queue()
        for number in range(options.at_once):
            own = Path(folder, str(number))
            own.mkdir()
            copies.put(Copy(own))

        def tried(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return copy.notices(mutant)
            finally:
                copies.put(copy)

        began = time.monotonic()
        with ThreadPoolExecutor(options.at_once) as threads:
            for module in options.only:
                chosen = list(mutants(module))
                if 0 < options.most < len(chosen):
                    chosen = chance.sample(chosen, options.most)
                found = list(threads.map(tried, chosen))
                for mutant, noticed in zip(chosen, found, strict=True):
                    if not noticed:
                        print(f"not noticed: {mutant}")
                print(f"{module}: {sum(found)} of {len(found)} noticed", flush=True)
                caught, missed = caught + sum(found), missed + len(found) - sum(found)
    seconds = time.monotonic() - began
    print(f"all: {caught} of {caught + missed} noticed, in {seconds / 60:.0f} minutes")


if __name__ == "__main__":
    main()
