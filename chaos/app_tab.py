"""One tab of an app with `useChat`: its commands, and its state."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from chaos.apps import Apps

# a prompt is retried for a minute, and nothing legitimate takes another minute
SETTLED_SECONDS = 120.0


class AppTab:
    """A chat of the AI SDK alone, or kept in step with others; for the names see chaos.watched."""

    def __init__(self, apps: Apps, name: str, recovered: Callable[[float], None]) -> None:
        self.name = name
        self.behind_since = self.home_since = monotonic()
        self.disturbed_at: float | None = None
        self.conversation: str | None = None
        self.away = False
        self.refusal = None
        self._apps = apps
        self._recovered = recovered
        self._live = False
        self._grew: dict[str, float] = {}

    @property
    def live(self) -> bool:
        return self._live

    @property
    def idle(self) -> bool:
        return not self.conversation

    def open(self) -> int:
        return len(self._grew)

    def silent(self, since: float) -> list[str]:
        return [key for key, grew_at in self._grew.items() if grew_at < since]

    async def begin(self, *, key: str, in_step: bool, token: str | None) -> str:
        """Opens the tab; returns the visitor's token, a new one's if none is given."""
        self._apps.listen(self.name, self._hear)
        more = {} if token is None else {"token": token}
        found: str = await self.tell("open", key=key, inStep=in_step, **more)
        return found

    async def end(self) -> None:
        await self.tell("close")
        self._apps.leave(self.name)

    async def tell(self, does: str, **options: Any) -> Any:
        """Raises TimeoutError after longer than anything legitimate takes."""
        async with asyncio.timeout(SETTLED_SECONDS):
            return await self._apps.tell(does, self.name, **options)

    async def cut(self) -> int:
        """Cuts its connections; returns how many it had."""
        cut: int = await self.tell("cut")
        self.disturbed_at = monotonic()
        return cut

    async def reload(self) -> None:
        await self.tell("reload")
        self.disturbed_at = self.home_since = monotonic()

    def _hear(self, stands: Any) -> None:
        live: bool = stands["live"]
        if self._live and not live:
            self.behind_since = monotonic()
        if stands["conversation"] and not self.conversation:
            self.home_since = monotonic()
        self._live, self._grew = live, stands["open"]
        self.conversation = stands["conversation"] or None
        if live and self.disturbed_at is not None:
            self._recovered(self.disturbed_at)
            self.disturbed_at = None
