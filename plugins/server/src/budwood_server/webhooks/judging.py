"""Find out from the results of requests whether an endpoint works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database import WEBHOOKS as SUBJECT
from budwood_server.database import raise_version
from budwood_server.database.tables import WEBHOOKS
from budwood_server.webhooks.records import CLOCK_SECONDS, Attempt, Claim
from budwood_server.webhooks.schedule import MAX_PAUSE, OPENS_AFTER, find_pause

_GONE: Final = "It answered 410 Gone."
_LONGEST: Final = MAX_PAUSE + CLOCK_SECONDS
"""Seconds for which a pause can last after a request began: one that lasts longer was written by a wrong clock."""


async def judge(connection: AsyncConnection, results: Iterable[tuple[Claim, Attempt]], now: float) -> None:
    """
    Note which endpoints work: after failures they get no requests for a while, and after 410 none at all.

    Attempts that failed on this server tell nothing about an endpoint.

    Args:
        connection: The transaction that stores the results.
        results: The results.
        now: The time.
    """
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for claim, attempt in results:
        if not attempt.is_local:
            attempts[claim.webhook].append(attempt)
    if not attempts:
        return
    gone = [webhook for webhook, made in attempts.items() if any(attempt.disables for attempt in made)]
    version = await raise_version(connection, SUBJECT) if gone else 0  # before the rows, as changes of users do
    for row in await _lock_to_change(connection, attempts):
        made = attempts[row["id"]]
        if row["id"] in gone:
            values = {"state": "disabled", "reason": _GONE, "version": version, "changed": now}
        elif _is_working(made):
            values = {"failures": 0, "open_until": 0.0}
        else:
            values = _count_failures(row, made, now)
        if values:
            await connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.id == row["id"]).values(**values))


async def _lock_to_change(
    connection: AsyncConnection, attempts: Mapping[str, Sequence[Attempt]]
) -> Sequence[Mapping[str, Any]]:
    """
    Lock the endpoints whose rows may change, and return them.

    All transactions lock them in the same order, so that none waits for another one that waits for it.
    """
    had_failed = or_(WEBHOOKS.c.failures > 0, WEBHOOKS.c.open_until > 0)
    working = [webhook for webhook, made in attempts.items() if _is_working(made)]
    others = attempts.keys() - set(working)
    query = select(WEBHOOKS.c.id, WEBHOOKS.c.failures, WEBHOOKS.c.open_until).order_by(WEBHOOKS.c.id)
    query = query.where(or_(WEBHOOKS.c.id.in_(others), and_(WEBHOOKS.c.id.in_(working), had_failed)))
    rows = (await connection.execute(query.with_for_update(key_share=True))).mappings()
    return [dict(row) for row in rows]


def _is_working(attempts: Sequence[Attempt]) -> bool:
    return any(attempt.has_succeeded for attempt in attempts) and not any(attempt.disables for attempt in attempts)


def _count_failures(row: Mapping[str, Any], attempts: Sequence[Attempt], now: float) -> dict[str, Any]:
    """
    Return what changes after failures: they begin a pause, and a request that fails after it begins a longer one.

    Requests that were under way when a pause began tell nothing new.
    """
    failures = row["failures"]
    if failures < OPENS_AFTER:
        failures = min(failures + len(attempts), OPENS_AFTER)
    elif any(not 0 < row["open_until"] - attempt.at <= _LONGEST for attempt in attempts):
        failures += 1
    else:
        return {}
    pause = find_pause(failures)
    return {"failures": failures, "open_until": now + pause} if pause else {"failures": failures}
