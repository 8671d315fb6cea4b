"""The table of admissions: when each user asked for answers, and the limits on that."""

from dataclasses import dataclass

import sqlalchemy as sa

from proxy_server.errors import LimitReached
from proxy_server.store.schema import admissions, generations, now

_MINUTE = 60.0
_USER: sa.BindParameter[str] = sa.bindparam("of_owner")
_RECENT = (admissions.c.owner == _USER) & (admissions.c.at > now() - _MINUTE)
_COUNTS = sa.select(
    sa.select(sa.func.count())
    .select_from(generations)
    .where(generations.c.owner == _USER, generations.c.status != "waiting")
    .scalar_subquery()
    .label("unfinished"),
    sa.select(sa.func.count()).where(_RECENT).scalar_subquery().label("prompts"),
    sa.select(sa.func.min(admissions.c.at) + _MINUTE - now())
    .where(_RECENT)
    .scalar_subquery()
    .label("seconds"),
)
_INSERT = sa.insert(admissions).values(at=now())
# The time is a subquery because PostgreSQL then reads the clock once and uses the index.
_FORGET = sa.delete(admissions).where(
    admissions.c.at < sa.select(now() - _MINUTE).scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one user: answers at once (running and queued), and prompts per minute."""

    generations_per_user: int
    prompts_per_minute: int


def admit(connection: sa.Connection, user: str, limits: Limits, *, ending: int = 0) -> None:
    """Counts one more prompt of the user, which ends `ending` answers. Raises LimitReached."""
    counts = connection.execute(_COUNTS, {"of_owner": user}).one()
    unfinished = counts.unfinished - ending
    if unfinished >= limits.generations_per_user:
        raise LimitReached(
            f"{unfinished} of your answers are still being written. Try again when one is finished."
        )
    if counts.prompts >= limits.prompts_per_minute:
        seconds = max(1, round(counts.seconds + 0.5))
        raise LimitReached(f"Too many prompts in a minute. Try again in {seconds} seconds.")
    connection.execute(_INSERT, {"owner": user})


def forget(connection: sa.Connection) -> None:
    """Removes admissions that no limit counts any more."""
    connection.execute(_FORGET)
