"""Find out from the results of requests whether an endpoint works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database import WEBHOOKS as SUBJECT
from budwood_server.database import raise_version
from budwood_server.database.tables import WEBHOOKS
from budwood_server.webhooks.records import Attempt, Claim
from budwood_server.webhooks.schedule import find_pause

_GONE: Final = "It answered 410 Gone."


async def judge(connection: AsyncConnection, results: Iterable[tuple[Claim, Attempt]], now: float) -> None:
    """
    Note which endpoints work: after failures they get no requests for a while, and after 410 none at all.

    Args:
        connection: The transaction that stores the results.
        results: The results.
        now: The time.
    """
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for claim, attempt in results:
        attempts[claim.webhook].append(attempt)
    working = []
    for webhook, found in sorted(attempts.items()):
        if any(attempt.disables for attempt in found):
            await _disable(connection, webhook, now)
        elif any(attempt.has_succeeded for attempt in found):
            working.append(webhook)
        else:
            await _count_failures(connection, webhook, len(found), now)
    if working:
        await _forget_failures(connection, working)


async def _disable(connection: AsyncConnection, webhook: str, now: float) -> None:
    version = await raise_version(connection, SUBJECT)
    values = {"state": "disabled", "reason": _GONE, "version": version, "changed": now}
    await connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.id == webhook).values(**values))


async def _count_failures(connection: AsyncConnection, webhook: str, number: int, now: float) -> None:
    is_this = WEBHOOKS.c.id == webhook
    change = update(WEBHOOKS).where(is_this).values(failures=WEBHOOKS.c.failures + number)
    failures = (await connection.execute(change.returning(WEBHOOKS.c.failures))).scalar_one_or_none()
    if failures is not None and (pause := find_pause(failures)):
        await connection.execute(update(WEBHOOKS).where(is_this).values(open_until=now + pause))


async def _forget_failures(connection: AsyncConnection, webhooks: Sequence[str]) -> None:
    had_failed = or_(WEBHOOKS.c.failures > 0, WEBHOOKS.c.open_until > 0)
    change = update(WEBHOOKS).where(WEBHOOKS.c.id.in_(webhooks), had_failed)
    await connection.execute(change.values(failures=0, open_until=0.0))
