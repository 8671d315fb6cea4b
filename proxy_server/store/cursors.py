"""Cursors of pages, as clients send them back."""

import re

from proxy_server.errors import Malformed


def parse_cursor(pattern: re.Pattern[str], cursor: str) -> tuple[str, ...]:
    """The pattern's groups: whatever else a client sends does not reach the database."""
    if found := pattern.fullmatch(cursor):
        return found.groups()
    raise Malformed("The field before is not a cursor from an earlier page.")
