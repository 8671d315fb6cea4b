"""The bench's figures, as a Markdown table and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.machine import machine, versions
from bench.runs import Pace, Run


class Row(Struct, omit_defaults=True):
    """One figure: what was measured and, if there is one, its target and whether it is met."""

    figure: str
    measured: str
    target: str = ""
    met: bool | None = None
    values: dict[str, float] = {}

    @classmethod
    def of(
        cls,
        figure: str,
        measured: str,
        target: tuple[str, bool] | None = None,
        *,
        paces: Sequence[Pace] = (),
        one_by_one: bool = False,
        **values: float,
    ) -> "Row":
        """paces: the model's in the runs behind this figure; it must have kept them."""
        said, met = target or ("", None)
        if not all(pace.steady for pace in paces):
            worst = min(pace.kept for pace in paces)
            return cls(figure, f"no result: the model kept {worst:.0%} of its pace", said)
        if one_by_one and not all(pace.one_by_one for pace in paces):
            worst = min(pace.writes for pace in paces)
            return cls(figure, f"no result: the model made {worst:.2f} writes per token", said)
        return cls(figure, measured, said, met, values)


class Used(Struct, omit_defaults=True):
    """The CPU seconds of each process in a run, and how well the model kept its pace."""

    run: str
    tested: list[str]
    cpu_seconds: dict[str, float]
    pace: float | None = None
    writes_per_token: float | None = None

    @classmethod
    def in_run(cls, run: Run) -> "Used":
        pace = run.pace
        return cls(run.name, list(run.tested), run.meter.used, pace.kept, pace.writes)


class Report(Struct):
    """What was run, on what and when; the figures, and what each process used."""

    name: str
    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    rows: list[Row]
    used: list[Used]
    notes: list[str]

    @classmethod
    def of(
        cls, name: str, rows: Sequence[Row], used: Sequence[Used], notes: Sequence[str]
    ) -> "Report":
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        return cls(name, date, machine(), versions(), list(rows), list(used), list(notes))

    def value(self, figure: str, name: str) -> float:
        """One of the numbers behind a row."""
        return next(row.values[name] for row in self.rows if row.figure == figure)

    def write(self, folder: Path) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        text, numbers = folder / f"{self.name}.md", folder / f"{self.name}.json"
        text.write_text(as_text(self))
        numbers.write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")
        return [text, numbers]


def read(path: Path) -> Report:
    return msgspec.json.decode(path.read_bytes(), type=Report)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    rule = ["-" * width for width in widths]
    padded = (
        (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, rule, *rows)
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def as_text(report: Report) -> str:
    answers = {True: "yes", False: "NO", None: ""}
    rows = [(row.figure, row.measured, row.target, answers[row.met]) for row in report.rows]
    return (
        "\n\n".join(
            (
                f"# `{report.name}`, {report.date}",
                ", ".join(f"{name}: {value}" for name, value in report.machine.items()),
                "Versions: " + ", ".join(f"{n} {v}" for n, v in report.versions.items()) + ".",
                table(("figure", "measured", "target", "met"), rows),
                "CPU seconds of each process, and how well the model server kept its pace:",
                _used(report.used),
                "\n".join(f"- {note}" for note in report.notes),
            )
        )
        + "\n"
    )


def _used(used: Sequence[Used]) -> str:
    grouped = [_grouped(one) for one in used]
    names = list(dict.fromkeys(name for cpu in grouped for name in cpu))
    header = ("run", "under test", *names[1:], "pace", "writes per token")
    rows = [
        (
            one.run,
            *(f"{cpu[name]:.2f}" if name in cpu else "" for name in names),
            "" if one.pace is None else f"{one.pace:.0%}",
            "" if one.writes_per_token is None else f"{one.writes_per_token:.2f}",
        )
        for one, cpu in zip(used, grouped, strict=True)
    ]
    return table(header, rows)


def _grouped(one: Used) -> Mapping[str, float]:
    """With one sum for the programs under test, and one for the load's processes."""
    cpu = {"under test": sum(one.cpu_seconds[name] for name in one.tested)}
    for name, seconds in one.cpu_seconds.items():
        if name not in one.tested:
            group = "load" if name.startswith("load") else name
            cpu[group] = cpu.get(group, 0.0) + seconds
    return cpu
