"""How many logins may fail: for a name from an address, for a name, and from an address."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database import Database
from budwood_server.database.tables import LOGIN_FAILURES as FAILURES
from budwood_server.web.problems import Problem, ProblemError

WINDOW_SECONDS: Final = 15 * 60.0
MAX_FOR_BOTH: Final = 10
MAX_FOR_NAME: Final = 100
"""Higher, so that a stranger cannot easily lock out a person elsewhere."""

MAX_FOR_ADDRESS: Final = 50


async def count_attempt(database: Database, name: str, address: str) -> None:
    """
    Count an attempt before its password is compared, so that many at the same time are counted, too.

    Raises:
        ProblemError: 429: too many have failed.
    """
    now = time.time()
    async with database.write() as connection:
        await connection.execute(delete(FAILURES).where(FAILURES.c.resets_at <= now))
        ends = [await _count(database, connection, *each, now) for each in _subjects(name, address)]
    if end := max(ends):
        raise ProblemError(
            Problem(
                status=429,
                message="Too many logins have failed.",
                type="rate_limit_error",
                code="too_many_attempts",
                hint="Wait, and try again.",
                headers={"retry-after": str(max(1, math.ceil(end - now)))},
            )
        )


async def forgive_attempt(connection: AsyncConnection, name: str, address: str) -> None:
    """Count an attempt that succeeded no longer, nor those before it for the same name from the same address."""
    (both, _), *others = _subjects(name, address)
    await connection.execute(delete(FAILURES).where(FAILURES.c.subject == both))
    for subject, _ in others:
        await connection.execute(
            update(FAILURES).where(FAILURES.c.subject == subject).values(count=FAILURES.c.count - 1)
        )


def _subjects(name: str, address: str) -> Sequence[tuple[str, int]]:
    texts = (
        (f"both\n{address}\n{name}", MAX_FOR_BOTH),
        (f"name\n{name}", MAX_FOR_NAME),
        (f"address\n{address}", MAX_FOR_ADDRESS),
    )
    return [(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), limit) for text, limit in texts]


async def _count(database: Database, connection: AsyncConnection, subject: str, limit: int, now: float) -> float:
    """Count an attempt. Return when the count ends if there are too many, or 0."""
    first = database.insert(FAILURES).values(subject=subject, count=0, resets_at=now + WINDOW_SECONDS)
    await connection.execute(first.on_conflict_do_nothing())
    is_it = FAILURES.c.subject == subject
    await connection.execute(update(FAILURES).where(is_it).values(count=FAILURES.c.count + 1))
    row = (await connection.execute(select(FAILURES.c.count.label("failed"), FAILURES.c.resets_at).where(is_it))).one()
    return float(row.resets_at) if row.failed > limit else 0.0
