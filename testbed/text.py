"""The text that the model server streams; tests can compute it for comparison."""

import random
from functools import cache

# more bytes than characters, more UTF-16 units than characters, characters that JSON and SSE must
# escape, and some that look like line ends
_WORDS = (
    *("Gr", "üße", " 🌍", "日本", "语 ", "end. ", " the", " of"),
    *('"', "\\", "\n", "\r", "\u2028"),
)

# Markdown that would run scripts and load from elsewhere if it could
HOSTILE = """<img src=x onerror="globalThis.broken = 1"> [a](javascript:globalThis.broken=1)
<script>globalThis.broken = 1</script> <a href="javascript:globalThis.broken=1">b</a>
![c](https://elsewhere.example/pixel.png) <svg onload="globalThis.broken = 1"></svg>
<form action="https://elsewhere.example/"><button>d</button></form> the end"""


@cache
def tokens(count: int, seed: int = 0) -> tuple[str, ...]:
    """The first `count` tokens; no two places of an answer look alike for long."""
    chance = random.Random(seed)
    return tuple(f" {i}" if i % 5 == 4 else chance.choice(_WORDS) for i in range(count))


def text(count: int, seed: int = 0) -> str:
    return "".join(tokens(count, seed))
