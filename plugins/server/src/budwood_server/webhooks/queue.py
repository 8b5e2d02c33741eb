"""
The queue of deliveries: claim those that are due, and store what came of them.

A claim holds until its lease ends. A worker that dies leaves its claims to the others: they claim them again after the
end of the lease, so that an event may arrive twice, and none is lost.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, and_, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database import Database
from budwood_server.database.tables import DELIVERIES, DELIVERY_ATTEMPTS, WEBHOOKS
from budwood_server.events.counts import EventCounts
from budwood_server.webhooks.judging import judge
from budwood_server.webhooks.records import Attempt, Claim, has_passed, may_send
from budwood_server.webhooks.schedule import OPENS_AFTER, find_delay
from budwood_server.webhooks.slots import share_evenly

Share: TypeAlias = Callable[[Sequence[str], int], Mapping[str, int]]
"""Returns how many deliveries of each endpoint may be claimed; see `share_evenly`."""


@dataclass(frozen=True, slots=True)
class Queue:
    """
    The deliveries that a worker claims.

    Args:
        database: The database.
        worker: Identifies the worker.
        lease: Seconds for which a claim holds.
        delays: The seconds from each attempt to the next.
        counts: Where results are counted.
    """

    database: Database
    worker: str
    lease: float
    delays: tuple[float, ...]
    counts: EventCounts = field(default_factory=EventCounts)

    async def claim(self, limit: int, share: Share = share_evenly) -> Sequence[Claim]:
        """
        Claim deliveries that are due, some of each endpoint, so that none has to wait for another one's.

        Args:
            limit: The maximum number.
            share: Returns how many of each endpoint.

        Raises:
            DatabaseError: The database cannot be used.
        """
        now = time.time()
        ready = await self._find_ready(now)
        while ready and (shares := share(ready, limit)):
            if claims := await self._claim_shares(shares, now):
                return sorted(claims, key=lambda claim: claim.place)
            ready = [webhook for webhook in ready if webhook not in shares]  # others have locked those
        return []

    async def _claim_shares(self, shares: Mapping[str, int], now: float) -> Sequence[Claim]:
        claims: list[Claim] = []
        async with self.database.write() as connection:
            webhooks = await _lock(connection, list(shares), now)
            await self._end_leases(connection, list(webhooks), now)
            in_flight = await _count_in_flight(connection, list(webhooks))
            for webhook, row in webhooks.items():
                count = min(shares[webhook], _find_limit(row, in_flight.get(webhook, 0)))
                if count > 0:
                    claims += await self._claim_of(connection, webhook, count, now)
            await _put_off(connection, webhooks, claims, now)
        return claims

    async def _find_ready(self, now: float) -> Sequence[str]:
        """Return the endpoints that may get a request now, and have one to get. The one that waits longest is first."""
        is_over = self._is_lease_over(now)
        numbers = (
            func.count().filter(condition).label(name) for name, condition in (("over", is_over), ("held", ~is_over))
        )
        sending = select(DELIVERIES.c.webhook, *numbers).where(DELIVERIES.c.state == "sending")
        under_way = sending.group_by(DELIVERIES.c.webhook).subquery()
        due = and_(DELIVERIES.c.webhook == WEBHOOKS.c.id, DELIVERIES.c.state == "waiting", DELIVERIES.c.due <= now)
        query = select(WEBHOOKS.c.id).outerjoin(under_way, under_way.c.webhook == WEBHOOKS.c.id)
        query = query.where(may_send(now), or_(under_way.c.over > 0, exists().where(due)))
        query = query.where(func.coalesce(under_way.c.held, 0) < _LIMIT).order_by(WEBHOOKS.c.next_request)
        async with self.database.read() as connection:
            return (await connection.execute(query)).scalars().all()

    def _is_lease_over(self, now: float) -> ColumnElement[bool]:
        return has_passed(DELIVERIES.c.due, now, 2 * self.lease)  # that of other settings may be longer

    async def _end_leases(self, connection: AsyncConnection, webhooks: Sequence[str], now: float) -> None:
        """Free what workers held that have died, or that were too slow."""
        is_over = DELIVERIES.c.webhook.in_(webhooks), DELIVERIES.c.state == "sending", self._is_lease_over(now)
        found = select(DELIVERIES.c.id).where(*is_over).with_for_update(skip_locked=True).cte("ended")
        is_found = DELIVERIES.c.id.in_(select(found.c.id))
        await connection.execute(update(DELIVERIES).where(is_found).values(state="waiting", due=now))

    async def _claim_of(self, connection: AsyncConnection, webhook: str, count: int, now: float) -> Iterable[Claim]:
        """Claim deliveries of an endpoint."""
        of_webhook = (DELIVERIES.c.webhook == webhook, DELIVERIES.c.state == "waiting", DELIVERIES.c.due <= now)
        first = select(DELIVERIES.c.id).where(*of_webhook).order_by(DELIVERIES.c.due, DELIVERIES.c.place).limit(count)
        found = first.with_for_update(skip_locked=True).cte("first")  # PostgreSQL could run a subquery more than once
        change = update(DELIVERIES).where(DELIVERIES.c.id.in_(select(found.c.id)))
        change = change.values(
            state="sending", due=now + self.lease, worker=self.worker, attempts=DELIVERIES.c.attempts + 1
        )
        columns = ("id", "webhook", "place", "attempts", "earlier", "created")
        rows = (await connection.execute(change.returning(*(DELIVERIES.c[name] for name in columns)))).all()
        return (Claim(*row) for row in rows)

    async def finish(self, results: Sequence[tuple[Claim, Attempt]]) -> None:
        """
        Store what came of deliveries.

        Those that another worker has claimed meanwhile are left alone.

        Raises:
            DatabaseError: The database cannot be used. They are sent again after the end of their lease.
        """
        now = time.time()
        counts: Counter[str] = Counter()
        async with self.database.write() as connection:
            held = await self._find_held(connection, [claim.id for claim, _ in results])
            ours = [(claim, attempt) for claim, attempt in results if held.get(claim.id) == claim.number]
            counts["superseded"] = len(results) - len(ours)
            if ours:
                counts += await self._end(connection, ours, now)
                rows = [_to_row(claim, attempt) for claim, attempt in ours]
                await connection.execute(insert(DELIVERY_ATTEMPTS), rows)
                await judge(connection, ours, now)
        self.counts.attempts += counts
        self.counts.seconds += sum(attempt.seconds for _, attempt in results)

    async def release(self, claims: Sequence[Claim]) -> None:
        """
        Give claims back whose requests were not finished, because the worker stops. Those that ended are left alone.

        Raises:
            DatabaseError: The database cannot be used. Others claim them after the end of the lease.
        """
        if not claims:
            return
        async with self.database.write() as connection:
            held = await self._find_held(connection, [claim.id for claim in claims])
            ours = [claim.id for claim in claims if held.get(claim.id) == claim.number]
            change = update(DELIVERIES).where(DELIVERIES.c.id.in_(ours))
            await connection.execute(
                change.values(state="waiting", due=time.time(), attempts=DELIVERIES.c.attempts - 1)
            )

    async def _find_held(self, connection: AsyncConnection, ids: Sequence[int]) -> Mapping[int, int]:
        """Return the numbers of the attempts of those deliveries that this worker still holds, and lock them."""
        query = select(DELIVERIES.c.id, DELIVERIES.c.attempts).where(
            DELIVERIES.c.id.in_(ids), DELIVERIES.c.worker == self.worker, DELIVERIES.c.state == "sending"
        )
        return {row.id: row.attempts for row in await connection.execute(query.with_for_update())}

    async def _end(
        self, connection: AsyncConnection, results: Sequence[tuple[Claim, Attempt]], now: float
    ) -> Counter[str]:
        """End deliveries, or put them off to their next attempts. Return what came of how many."""
        counts: Counter[str] = Counter()
        delivered, others = [], []
        for claim, attempt in results:
            if attempt.has_succeeded:
                counts["delivered"] += 1
                delivered.append(claim.id)
                continue
            delay = find_delay(claim.number - claim.earlier, self.delays, attempt.retry_after)
            if attempt.disables or attempt.is_last or delay is None:
                counts["gone" if attempt.disables else "expired"] += 1
                others.append({"row": claim.id, "to": "failed", "at": now, "end": now})
            else:
                counts["failed"] += 1
                others.append({"row": claim.id, "to": "waiting", "at": now + delay, "end": None})
        if delivered:
            is_delivered = DELIVERIES.c.id.in_(delivered)
            await connection.execute(update(DELIVERIES).where(is_delivered).values(state="delivered", finished=now))
        if others:
            await connection.execute(_END_OTHER, others)
        return counts


_END_OTHER: Final = (
    update(DELIVERIES)
    .where(DELIVERIES.c.id == bindparam("row"))
    .values(state=bindparam("to"), due=bindparam("at"), finished=bindparam("end"))
)
_LIMIT: Final = case((WEBHOOKS.c.failures >= OPENS_AFTER, 1), else_=WEBHOOKS.c.concurrency)
"""The requests that an endpoint may get at the same time. After many failures one tells whether it works again."""

_PUT_OFF: Final = update(WEBHOOKS).where(WEBHOOKS.c.id == bindparam("row")).values(next_request=bindparam("next"))


async def _lock(connection: AsyncConnection, ready: Sequence[str], now: float) -> Mapping[str, Mapping[str, Any]]:
    """
    Lock endpoints, so that other workers claim nothing of them meanwhile, and return their rows by id.

    Those that another worker has locked are left out. New deliveries may be created meanwhile.
    """
    query = select(WEBHOOKS).where(WEBHOOKS.c.id.in_(ready), may_send(now)).order_by(WEBHOOKS.c.next_request)
    rows = (await connection.execute(query.with_for_update(skip_locked=True, key_share=True))).mappings()
    return {row["id"]: dict(row) for row in rows}


async def _count_in_flight(connection: AsyncConnection, webhooks: Sequence[str]) -> Mapping[str, int]:
    """Return the number of requests that each endpoint gets at this moment."""
    query = select(DELIVERIES.c.webhook, func.count())
    query = query.where(DELIVERIES.c.webhook.in_(webhooks), DELIVERIES.c.state == "sending")
    return {row[0]: row[1] for row in await connection.execute(query.group_by(DELIVERIES.c.webhook))}


def _find_limit(row: Mapping[str, Any], in_flight: int) -> int:
    """Return how many more requests an endpoint may get now."""
    limit: int = 1 if row["failures"] >= OPENS_AFTER else row["concurrency"]  # as `_LIMIT`
    if row["per_second"]:
        limit = min(limit, in_flight + max(1, int(row["per_second"])))
    return limit - in_flight


async def _put_off(
    connection: AsyncConnection, webhooks: Mapping[str, Mapping[str, Any]], claims: Sequence[Claim], now: float
) -> None:
    """Note when endpoints may get their next requests: those that get one now are the last in the next turn."""
    numbers = Counter(claim.webhook for claim in claims)
    rows = [
        {"row": webhook, "next": now + (numbers[webhook] / row["per_second"] if row["per_second"] else 0.0)}
        for webhook, row in webhooks.items()
    ]
    if rows:
        await connection.execute(_PUT_OFF, rows)


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
