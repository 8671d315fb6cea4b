"""Page cursors, as clients send them back."""

import re

from proxy_server.errors import Malformed


def parse_cursor(pattern: re.Pattern[str], cursor: str) -> tuple[str, ...]:
    """Returns the groups of the pattern; nothing else of a client's cursor reaches the database."""
    if found := pattern.fullmatch(cursor):
        return found.groups()
    raise Malformed("The field before is not a cursor from an earlier page.")
