"""
Outages of endpoints, which all workers share.

An outage begins when the first worker opens its breaker, and ends when the first worker gets an answer again, so that
it is one for all workers. Each change is a transaction of its own with its event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from sqlalchemy import delete, select, update

from budwood_server.api_models.moments import format_moment, from_seconds
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import PROVIDER_OUTAGES
from budwood_server.events.recording import NewEvent, record_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood.types import BreakerChanged
    from budwood_server.database import Database

_COLUMNS: Final = PROVIDER_OUTAGES.c


class Outage(NamedTuple):
    """
    An outage. Moments are seconds since 1970.

    Attributes:
        endpoint: The endpoint, as in `budwood.types.EndpointState.name`.
        provider: Its provider.
        since: When it began.
        failed: When a breaker of a worker opened last.
        seen: When a worker whose breaker is open reported that last.
    """

    endpoint: str
    provider: str
    since: float
    failed: float
    seen: float


class Outages:
    """
    Begins and ends outages. Methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
        worker: The name of this process.
    """

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker

    async def read(self) -> Sequence[Outage]:
        """Return those that have not ended."""
        query = select(*(_COLUMNS[name] for name in Outage._fields)).order_by(_COLUMNS.endpoint)
        async with self._database.read() as connection:
            return [Outage(*row) for row in await connection.execute(query)]

    async def begin(self, change: BreakerChanged, now: float) -> None:
        """Begin an outage because a breaker has opened, and write its event, unless it has begun."""
        async with self._database.write() as connection:
            if await _insert(connection, change, now):
                data = {
                    "provider": change.provider,
                    "endpoint": change.endpoint,
                    "model": change.model,
                    "error": change.error,
                    "failures": change.failures,
                    "next_probe": change.next_probe,
                    "worker": self._worker,
                }
                await record_events(connection, [NewEvent("provider.failed", change.endpoint, data, time=now)])

    async def renew(self, outage: Outage, now: float) -> None:
        """Note that the breaker of this worker is open."""
        async with self._database.write() as connection:
            await connection.execute(
                update(PROVIDER_OUTAGES).where(_COLUMNS.endpoint == outage.endpoint).values(seen=now)
            )

    async def end(
        self, endpoint: str, reason: Literal["answered", "reset"], now: float, *, unchanged: Outage | None = None
    ) -> None:
        """
        End an outage, and write its event, unless it has ended.

        Args:
            endpoint: The endpoint.
            reason: Why: it has answered, or no worker has an open breaker any more.
            now: Seconds since 1970.
            unchanged: What was read before; if it has changed since, nothing is done.
        """
        condition: list[Any] = [_COLUMNS.endpoint == endpoint]
        if unchanged is not None:
            condition += [_COLUMNS.failed == unchanged.failed, _COLUMNS.seen == unchanged.seen]
        statement = delete(PROVIDER_OUTAGES).where(*condition).returning(_COLUMNS.provider, _COLUMNS.since)
        async with self._database.write() as connection:
            row = (await connection.execute(statement)).first()
            if row is not None:
                data = {
                    "provider": row.provider,
                    "endpoint": endpoint,
                    "reason": reason,
                    "failed_at": format_moment(from_seconds(row.since)),
                    "seconds": max(now - row.since, 0.0),
                    "worker": self._worker,
                }
                await record_events(connection, [NewEvent("provider.recovered", endpoint, data, time=now)])


async def _insert(connection: AsyncConnection, change: BreakerChanged, now: float) -> bool:
    """Insert an outage, and return whether it is new; else note that it lasts."""
    row = Outage(change.endpoint, change.provider, since=now, failed=now, seen=now)._asdict()
    inserting = insert_into(connection, PROVIDER_OUTAGES).values(row).on_conflict_do_nothing()
    noting = update(PROVIDER_OUTAGES).where(_COLUMNS.endpoint == change.endpoint).values(failed=now, seen=now)
    while True:  # with PostgreSQL, another worker may end the outage between the two
        if (await connection.execute(inserting.returning(_COLUMNS.endpoint))).first() is not None:
            return True
        if (await connection.execute(noting)).rowcount:
            return False
