"""The table of settings, generated from the code."""

import sys
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from proxy_server.settings import Settings

DOCUMENT = Path(__file__).parent / "settings.md"
BEGIN, END = "<!-- settings: `make settings` writes this -->\n", "<!-- end of settings -->\n"


def table() -> str:
    rows = [
        f"| `{name.upper()}` | {_default(field)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return "| variable | default | what it is |\n|---|---|---|\n" + "".join(rows)


def written(document: str) -> str:
    """The document's text with the current table between its markers."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{value}`" if value != "" else ""


def main() -> None:
    document = DOCUMENT.read_text()
    if BEGIN not in document or END not in document:
        sys.exit(f"{DOCUMENT.name} has no place for the table.")
    DOCUMENT.write_text(written(document))


if __name__ == "__main__":
    main()
