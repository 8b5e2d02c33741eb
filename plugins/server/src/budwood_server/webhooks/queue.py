"""
The queue of deliveries: claim those that are due, and store what came of them.

A claim holds until its lease ends. A worker that dies leaves its claims to the others: they claim them again after the
end of the lease, so that an event may arrive twice, and none is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database import WEBHOOKS as SUBJECT
from budwood_server.database import Database, raise_version
from budwood_server.database.tables import DELIVERIES, DELIVERY_ATTEMPTS, WEBHOOKS
from budwood_server.webhooks.principals import has_principal
from budwood_server.webhooks.records import OPEN, Attempt, Claim
from budwood_server.webhooks.schedule import OPENS_AFTER, find_delay, find_pause

_GONE: Final = "It answered 410 Gone."


@dataclass(frozen=True, slots=True)
class Queue:
    """
    The deliveries that a worker claims.

    Args:
        database: The database.
        worker: Identifies the worker.
        lease: Seconds for which a claim holds.
        delays: The seconds from each attempt to the next.
    """

    database: Database
    worker: str
    lease: float
    delays: tuple[float, ...]

    async def claim(self, limit: int) -> Sequence[Claim]:
        """
        Claim deliveries that are due, some of each endpoint, so that none has to wait for another one's.

        Args:
            limit: The maximum number.

        Raises:
            DatabaseError: The database cannot be used.
        """
        now = time.time()
        ready = await self._find_ready(now)
        claims: list[Claim] = []
        if not ready:
            return claims
        async with self.database.write() as connection:
            for index, webhook in enumerate(ready):
                share = -(-(limit - len(claims)) // (len(ready) - index))  # rounded up
                if share <= 0:
                    break
                claims += await self._claim_of(connection, webhook, share, now)
        return claims

    async def _find_ready(self, now: float) -> Sequence[str]:
        """Return the endpoints that may get a request now, and have one to get. The one that waits longest is first."""
        due = and_(DELIVERIES.c.webhook == WEBHOOKS.c.id, DELIVERIES.c.state.in_(OPEN), DELIVERIES.c.due <= now)
        may_send = and_(WEBHOOKS.c.state == "active", WEBHOOKS.c.open_until <= now, WEBHOOKS.c.next_request <= now)
        query = (
            select(WEBHOOKS.c.id)
            .where(may_send, has_principal(now), exists().where(due))
            .order_by(WEBHOOKS.c.next_request)
        )
        async with self.database.read() as connection:
            return (await connection.execute(query)).scalars().all()

    async def _claim_of(self, connection: AsyncConnection, webhook: str, limit: int, now: float) -> Sequence[Claim]:
        """Claim deliveries of an endpoint, unless another worker does it at this moment."""
        query = select(WEBHOOKS).where(WEBHOOKS.c.id == webhook).with_for_update(skip_locked=True)
        row = (await connection.execute(query)).mappings().first()
        if row is None or row["state"] != "active" or max(row["open_until"], row["next_request"]) > now:
            return []
        count = min(limit, await self._count_free(connection, dict(row), now))
        if count <= 0:
            return []
        first = select(DELIVERIES.c.id).where(
            DELIVERIES.c.webhook == webhook, DELIVERIES.c.state.in_(OPEN), DELIVERIES.c.due <= now
        )
        first = first.order_by(DELIVERIES.c.due, DELIVERIES.c.place).limit(count)
        change = update(DELIVERIES).where(DELIVERIES.c.id.in_(first.scalar_subquery()))
        change = change.values(
            state="sending", due=now + self.lease, worker=self.worker, attempts=DELIVERIES.c.attempts + 1
        )
        columns = ("id", "webhook", "place", "attempts", "earlier", "created")
        rows = (await connection.execute(change.returning(*(DELIVERIES.c[name] for name in columns)))).all()
        next_request = now + (len(rows) / row["per_second"] if row["per_second"] else 0.0)
        change_webhook = update(WEBHOOKS).where(WEBHOOKS.c.id == webhook).values(next_request=next_request)
        await connection.execute(change_webhook)
        return sorted((Claim(*row) for row in rows), key=lambda claim: claim.place)

    async def _count_free(self, connection: AsyncConnection, row: Mapping[str, Any], now: float) -> int:
        """Return how many more requests an endpoint may get now."""
        sent = and_(DELIVERIES.c.webhook == row["id"], DELIVERIES.c.state == "sending", DELIVERIES.c.due > now)
        in_flight: int = (await connection.execute(select(func.count()).where(sent))).scalar_one()
        limit: int = 1 if row["failures"] >= OPENS_AFTER else row["concurrency"]  # one request tells if it works again
        if row["per_second"]:
            limit = min(limit, in_flight + max(1, int(row["per_second"])))
        return limit - in_flight

    async def finish(self, results: Sequence[tuple[Claim, Attempt]]) -> None:
        """
        Store what came of deliveries.

        Those that another worker has claimed meanwhile are left alone.

        Raises:
            DatabaseError: The database cannot be used. They are sent again after the end of their lease.
        """
        now = time.time()
        async with self.database.write() as connection:
            ours = [(claim, attempt) for claim, attempt in results if await self._end(connection, claim, attempt, now)]
            if ours:
                rows = [_to_row(claim, attempt) for claim, attempt in ours]
                await connection.execute(insert(DELIVERY_ATTEMPTS), rows)
            for webhook in sorted({claim.webhook for claim, _ in ours}):
                of_webhook = [attempt for claim, attempt in ours if claim.webhook == webhook]
                await self._judge(connection, webhook, of_webhook, now)

    async def release(self, claims: Iterable[Claim]) -> None:
        """
        Give claims back that were not sent, because the worker stops.

        Raises:
            DatabaseError: The database cannot be used. Others claim them after the end of the lease.
        """
        async with self.database.write() as connection:
            for claim in claims:
                change = update(DELIVERIES).where(self._is_ours(claim))
                await connection.execute(
                    change.values(state="waiting", due=time.time(), attempts=DELIVERIES.c.attempts - 1)
                )

    async def _end(self, connection: AsyncConnection, claim: Claim, attempt: Attempt, now: float) -> bool:
        """End a delivery, or put it off to its next attempt. Return whether it is still this worker's."""
        delay = None if attempt.disables else find_delay(claim.number - claim.earlier, self.delays, attempt.retry_after)
        values: dict[str, Any] = {"state": "delivered" if attempt.has_succeeded else "failed", "finished": now}
        if not attempt.has_succeeded and delay is not None:
            values = {"state": "waiting", "due": now + delay}
        done = await connection.execute(update(DELIVERIES).where(self._is_ours(claim)).values(**values))
        return done.rowcount == 1

    def _is_ours(self, claim: Claim) -> Any:  # noqa: ANN401 - a condition of SQLAlchemy
        return and_(
            DELIVERIES.c.id == claim.id,
            DELIVERIES.c.worker == self.worker,
            DELIVERIES.c.attempts == claim.number,
            DELIVERIES.c.state == "sending",
        )

    async def _judge(self, connection: AsyncConnection, webhook: str, attempts: Sequence[Attempt], now: float) -> None:
        """Note whether an endpoint works."""
        is_this = WEBHOOKS.c.id == webhook
        if any(attempt.disables for attempt in attempts):
            version = await raise_version(connection, SUBJECT)
            values = {"state": "disabled", "reason": _GONE, "version": version, "changed": now}
            await connection.execute(update(WEBHOOKS).where(is_this).values(**values))
        elif any(attempt.has_succeeded for attempt in attempts):
            had_failed = or_(WEBHOOKS.c.failures > 0, WEBHOOKS.c.open_until > 0)
            await connection.execute(update(WEBHOOKS).where(is_this, had_failed).values(failures=0, open_until=0.0))
        else:
            change = update(WEBHOOKS).where(is_this).values(failures=WEBHOOKS.c.failures + len(attempts))
            failures = (await connection.execute(change.returning(WEBHOOKS.c.failures))).scalar_one()
            if pause := find_pause(failures):
                await connection.execute(update(WEBHOOKS).where(is_this).values(open_until=now + pause))


def _to_row(claim: Claim, attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery": claim.id,
        "number": claim.number,
        "at": attempt.at,
        "seconds": attempt.seconds,
        "status": attempt.status,
        "error": attempt.error,
        "request_headers": dict(attempt.request_headers),
        "response_headers": dict(attempt.response_headers),
        "response_body": attempt.response_body,
    }
