"""SQL functions that the two databases spell differently."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class octets(FunctionElement[int]):  # noqa: N801
    """The size of a text in bytes; PostgreSQL knows it without reading the text."""

    type = sa.Integer()
    inherit_cache = True


@compiles(octets, "sqlite")
def _sqlite_octets(element: octets, compiler: Any, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(octets, "postgresql")
def _postgresql_octets(element: octets, compiler: Any, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


class as_words(FunctionElement[str]):  # noqa: N801
    """Turns words between spaces into the type of the column `words`."""

    type = sa.Text()
    inherit_cache = True


@compiles(as_words, "sqlite")
def _sqlite_words(element: as_words, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(as_words, "postgresql")
def _postgresql_words(element: as_words, compiler: Any, **options: Any) -> str:
    return (
        f"array_to_tsvector(string_to_array({compiler.process(element.clauses, **options)}, ' '))"
    )
