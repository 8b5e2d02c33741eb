"""What is known of the deliveries of endpoints: how many wait, and what came of the last ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import case, func, or_, select

from budwood_server.database.tables import DELIVERIES, WEBHOOKS
from budwood_server.webhooks.records import OPEN

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Activity:
    """
    What is known of the deliveries of an endpoint.

    Attributes:
        queued: The number of those that have not ended.
        delivered: The number of those that were delivered since some moment.
        failed: The number of those that were given up since then.
        last_state: The state of the newest one that has ended, or None.
        last_finished: When that was, in seconds since 1970.
    """

    queued: int = 0
    delivered: int = 0
    failed: int = 0
    last_state: str | None = None
    last_finished: float | None = None

    @property
    def success(self) -> float | None:
        """The share of those that were delivered, of those that ended since the moment; None if none did."""
        ended = self.delivered + self.failed
        return self.delivered / ended if ended else None


async def find_activities(
    connection: AsyncConnection, webhooks: Collection[str], *, since: float
) -> Mapping[str, Activity]:
    """
    Return what is known of the deliveries of endpoints, by the ids of the endpoints.

    Args:
        connection: A transaction.
        webhooks: The ids of the endpoints.
        since: The moment since which deliveries are counted that have ended, in seconds since 1970.
    """
    counts = await _count(connection, webhooks, since)
    ended = DELIVERIES.alias()
    newest = (
        select(ended.c.id)
        .where(ended.c.webhook == WEBHOOKS.c.id, ended.c.finished.is_not(None))
        .order_by(ended.c.place.desc())
        .limit(1)
        .correlate(WEBHOOKS)
        .scalar_subquery()
    )
    joined = WEBHOOKS.outerjoin(DELIVERIES, DELIVERIES.c.id == newest)
    columns = WEBHOOKS.c.id, DELIVERIES.c.state, DELIVERIES.c.finished
    query = select(*columns).select_from(joined).where(WEBHOOKS.c.id.in_(webhooks))
    return {
        webhook: Activity(*counts.get(webhook, (0, 0, 0)), last_state=state, last_finished=finished)
        for webhook, state, finished in await connection.execute(query)
    }


async def _count(
    connection: AsyncConnection, webhooks: Collection[str], since: float
) -> Mapping[str, tuple[int, int, int]]:
    """Return the numbers of deliveries that are queued, and that were delivered and given up since a moment."""
    state = DELIVERIES.c.state
    sums = [func.sum(case((state.in_(each), 1), else_=0)) for each in (OPEN, ("delivered",), ("failed",))]
    query = (
        select(DELIVERIES.c.webhook, *sums)
        .where(DELIVERIES.c.webhook.in_(webhooks), or_(state.in_(OPEN), DELIVERIES.c.finished >= since))
        .group_by(DELIVERIES.c.webhook)
    )
    return {
        webhook: (queued, delivered, failed) for webhook, queued, delivered, failed in await connection.execute(query)
    }
