"""The README's table of settings, made from the code."""

import sys
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from proxy_server.settings import Settings

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- settings: `make settings` writes this -->\n", "<!-- end of settings -->\n"


def table() -> str:
    rows = [
        f"| `{name.upper()}` | {_default(field)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return "| variable | default | what it is |\n|---|---|---|\n" + "".join(rows)


def written(readme: str) -> str:
    """The README's text with the table of today between its markers."""
    before, _, rest = readme.partition(BEGIN)
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
    readme = README.read_text()
    if BEGIN not in readme or END not in readme:
        sys.exit(f"{README.name} has no place for the table.")
    README.write_text(written(readme))


if __name__ == "__main__":
    main()
