"""The tables of the documents and the README, from the reports.

Those of docs/scaling.md show the needs of many answers at once: each line is a measured cost times
a number of answers. Anything that is not measured is a constant here.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from bench.report import Report, read, table

REPORTS = Path(__file__).parent / "reports"
README = Path(__file__).parent.parent / "README.md"
SCALING = README.parent / "docs" / "scaling.md"
MEASURED = README.parent / "docs" / "measured.md"
BEGIN = "<!-- {name}: `python -m bench sizes` writes this -->\n"
END = "<!-- end of {name} -->\n"

ANSWERS = (10_000, 100_000, 1_000_000)
FULL = 0.7
"""The share of a core to use."""
CELL = 20_000
"""The answers that one database serves."""
HISTORY_SECONDS = 600
"""Centrifugo's `history_ttl`."""
FRAME = 88
"""The bytes around a token or a publication on the wire: Ethernet, IP, TCP, TLS."""
_PARTS = ("replica 1", "Centrifugo", "Redis", "PostgreSQL", "nginx")
_SAID = {"replica 1": "proxy server", "Centrifugo": "Centrifugo, Redis engine"}


class Costs:
    """One answer, by the rows of the report `scale`."""

    def __init__(self, scale: Report) -> None:
        self.scale = scale
        self.tokens = scale.value("one answer: at once with", "tokens")
        self.rate = scale.value("one answer: at once with", "rate")
        self.seconds = self.tokens / self.rate

    def cpu(self, part: str) -> float:
        """Seconds of CPU in each second of an answer."""
        return self.scale.value(f"… CPU of {part}", "milliseconds") / 1e3 / self.seconds

    def per_second(self, figure: str, name: str = "number") -> float:
        return self.scale.value(figure, name) / self.seconds

    def looks(self, answers: int) -> float:
        """PostgreSQL's cores for the looks of all processes at all answers of their cell."""
        cells = -(-answers // CELL)
        each = self.scale.value("a replica's look, each second, 10,000 answers", "milliseconds")
        here = answers / cells
        return cells * (here * self.cpu("replica 1") / FULL) * each / 1e3 * here / 10_000


def costs_table(costs: Costs) -> str:
    rows = [
        (
            _SAID.get(part, part),
            f"{costs.cpu(part) * 1e3:.2f} ms",
            f"{FULL / costs.cpu(part):,.0f}",
        )
        for part in _PARTS
    ]
    return table(("part", "CPU per answer and second", f"answers per core, at {FULL:.0%}"), rows)


def sizes_table(costs: Costs) -> str:
    columns = [_size(costs, answers) for answers in ANSWERS]
    header = ("answers at once", *(f"{answers:,}" for answers in ANSWERS))
    return table(header, [(name, *(column[name] for column in columns)) for name in columns[0]])


def _size(costs: Costs, answers: int) -> dict[str, str]:
    prompts = answers / costs.seconds

    def cores(part: str) -> float:
        return answers * costs.cpu(part) / FULL

    def rate(figure: str, name: str = "number") -> float:
        return answers * costs.per_second(figure, name)

    publications = rate("… publications")
    provider = rate("… from the provider", "bytes") + answers * costs.rate * FRAME
    browsers = rate("… to the browser", "bytes") + publications * FRAME
    history = prompts * HISTORY_SECONDS
    memory = history * costs.scale.value("… memory of Redis until its history expires", "bytes")
    return {
        "tokens a second": f"{answers * costs.rate:,.0f}",
        "prompts a second": f"{prompts:,.0f}",
        "proxy server processes, one core each": f"{cores('replica 1'):,.0f}",
        "nginx, cores": f"{cores('nginx'):,.1f}",
        "publications a second": _rounded(publications),
        "Centrifugo, cores": f"{cores('Centrifugo'):,.0f}",
        "Redis, instances of one core": f"{cores('Redis'):,.0f}",
        "Redis, memory": f"{memory / 1e9:,.0f} GB",
        "databases": f"{-(-answers // CELL):,}",
        "PostgreSQL, cores for the answers": f"{cores('PostgreSQL'):,.0f}",
        "PostgreSQL, cores for the replicas' looks": f"{costs.looks(answers):,.1f}",
        "rows written a second": _rounded(rate("… rows written")),
        "transactions a second": _rounded(rate("… transactions")),
        "WAL": f"{rate('… WAL', 'bytes') / 1e6:,.0f} MB/s",
        "kept in the databases": (
            f"{rate('… kept in the database, with indexes', 'bytes') * 86_400 / 1e9:,.0f} GB a day"
        ),
        "from the provider": _gigabits(provider),
        "to browsers": _gigabits(browsers),
        "between the parts": _gigabits(rate("… between the parts, with headers", "bytes")),
    }


def _rounded(value: float) -> str:
    """Rounds to two digits: the measurements are not more exact."""
    return f"{float(f'{value:.2g}'):,.0f}"


def _gigabits(octets: float) -> str:
    return f"{float(f'{octets * 8 / 1e9:.2g}'):g} Gbit/s"


def targets_table(bench: Report) -> str:
    """The rows that have a target, and the rows that these continue."""
    answers = {True: "yes", False: "no", None: ""}
    rows = [
        (row.figure, row.measured, row.target, answers[row.met])
        for row, following in zip(bench.rows, [*bench.rows[1:], None], strict=True)
        if row.target or (following and following.figure.startswith("…") and following.target)
    ]
    return table(("figure", "measured", "target", "met"), rows)


def scaling(document: str, scale: Report) -> str:
    """The text of docs/scaling.md with the tables of that report."""
    costs = Costs(scale)
    return filled(document, {"costs": costs_table(costs), "sizes": sizes_table(costs)})


def measured(document: str, bench: Report) -> str:
    """The text of docs/measured.md with the table of that report."""
    return filled(document, {"bench": targets_table(bench)})


def readme(document: str, bench: Report, measured: str) -> str:
    """The README's text with a few numbers of that report, and of the chaos table in `measured`."""
    return filled(document, {"numbers": numbers_table(bench, measured)})


def numbers_table(bench: Report, measured: str) -> str:
    answers, faults, users = (
        _total(measured, row)
        for row in ("answers", "faults of the parts", "faults of users' networks")
    )
    lost = sum(
        int(_total(measured, f"**{kind} characters**")) for kind in ("lost", "doubled", "differing")
    )
    ratio = bench.value("… against SSE", "ratio")
    tokens = bench.value("tokens/s delivered exactly, one process", "tokens_per_second")
    added = bench.value("added time to the first token, 50 streams", "p50")
    memory = bench.value("memory per extra stream, 1,000 streams", "bytes") / 1024
    broken = f"{answers} answers, {faults} faults of the parts, {users} of users' networks"
    beside = f"a second by one process, at {ratio:.2f} × the CPU of plain SSE from the SDK for each"
    rows = [
        (f"**{lost} characters**", f"lost, doubled or wrong: {broken}"),
        (f"**{tokens:,.0f} tokens**", beside),
        (
            f"**{added:.1f} ms**",
            "added to the time to the first token (p50), with 50 answers at once",
        ),
        (f"**{memory:.0f} KB**", "of memory for each further answer"),
    ]
    return table(("measured", "what"), rows)


def _total(measured: str, name: str) -> str:
    """The last cell of a row of the chaos table: that of all phases."""
    row = next(line for line in measured.splitlines() if line.startswith(f"| {name} |"))
    return row.strip("| ").rpartition("|")[2].strip("* ")


def filled(document: str, blocks: Mapping[str, str]) -> str:
    """The document's text with these blocks between their markers."""
    for name, block in blocks.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, found, rest = document.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            sys.exit(f"The document has no place for the table of {name}.")
        document = f"{before}{begin}{block}\n{end}{after}"
    return document


def write() -> None:
    bench = read(REPORTS / "bench.json")
    SCALING.write_text(scaling(SCALING.read_text(), read(REPORTS / "scale.json")))
    MEASURED.write_text(measured(MEASURED.read_text(), bench))
    README.write_text(readme(README.read_text(), bench, MEASURED.read_text()))
