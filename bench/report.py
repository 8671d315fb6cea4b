"""The rows of the bench's table, as text and as JSON."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct


class Row(Struct, omit_defaults=True):
    """One figure: what was measured and, where there is one, its target and whether it is met."""

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
        **values: float,
    ) -> "Row":
        said, met = target or ("", None)
        return cls(figure, measured, said, met, values)


class Report(Struct):
    """A run: the machine, the versions, the figures and what each process used."""

    machine: dict[str, str]
    versions: dict[str, str]
    rows: list[Row]
    cpu_seconds: dict[str, dict[str, float]]
    notes: list[str]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    head = "  ".join(cell.ljust(w) for cell, w in zip(header, widths, strict=True))
    rule = "  ".join("-" * width for width in widths)
    return "\n".join(line.rstrip() for line in (head, rule, *lines))


def as_text(report: Report) -> str:
    answers = {True: "yes", False: "NO", None: ""}
    rows = [(row.figure, row.measured, row.target, answers[row.met]) for row in report.rows]
    names = sorted({name for used in report.cpu_seconds.values() for name in used})
    used = [
        (run, *(f"{seconds[name]:.2f}" if name in seconds else "" for name in names))
        for run, seconds in report.cpu_seconds.items()
    ]
    return "\n\n".join(
        (
            "\n".join(f"{name}: {value}" for name, value in report.machine.items()),
            "versions: " + ", ".join(f"{n} {version}" for n, version in report.versions.items()),
            table(("figure", "measured", "target", "met"), rows),
            "CPU seconds of each process:\n" + table(("run", *names), used),
            "\n".join(report.notes),
        )
    )


def as_json(report: Report) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"
