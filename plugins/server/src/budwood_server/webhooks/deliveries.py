"""Deliveries and their attempts, as lists show them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from budwood_server.api_models.webhooks import DeliveryState
from budwood_server.database.tables import DELIVERIES, DELIVERY_ATTEMPTS
from budwood_server.web.problems import reject
from budwood_server.webhooks.records import Attempt

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    An event on its way to an endpoint.

    Attributes:
        id: Identifies it.
        webhook: The id of the endpoint.
        place: The place of the event; ``type`` is its type.
        state: ``"waiting"`` for its next attempt, ``"sending"``, ``"delivered"`` or ``"failed"``.
        due: When the next attempt is due, in seconds since 1970.
        attempts: The number of attempts.
        created: When it was created.
        finished: When it ended, or None.
    """

    id: int
    webhook: str
    place: int
    type: str
    state: DeliveryState
    due: float
    attempts: int
    created: float
    finished: float | None


_COLUMNS = tuple(DELIVERIES.c[name] for name in Delivery.__dataclass_fields__)


async def list_deliveries(
    connection: AsyncConnection,
    webhook: str,
    *,
    state: DeliveryState | None = None,
    types: Collection[str] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Sequence[Delivery]:
    """
    Return deliveries of an endpoint, the newest first.

    Args:
        connection: A transaction.
        webhook: The id of the endpoint.
        state: Only those in this state.
        types: Only events of these types.
        before: Only those that are older than the one with this id.
        limit: The maximum number.
    """
    query = select(*_COLUMNS).where(DELIVERIES.c.webhook == webhook).order_by(DELIVERIES.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(DELIVERIES.c.state == state)
    if types is not None:
        query = query.where(DELIVERIES.c.type.in_(types))
    if before is not None:
        query = query.where(DELIVERIES.c.id < before)
    return [Delivery(**row) for row in (await connection.execute(query)).mappings()]


async def find_delivery(connection: AsyncConnection, webhook: str, delivery_id: int) -> Delivery:
    """
    Return a delivery of an endpoint.

    Raises:
        ProblemError: 404: there is none.
    """
    query = select(*_COLUMNS).where(DELIVERIES.c.webhook == webhook, DELIVERIES.c.id == delivery_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        message = f"The endpoint has no delivery {delivery_id}."
        hint = f"GET /api/webhooks/{webhook}/deliveries lists them."
        raise reject(message, code="not_found", hint=hint, status=404)
    return Delivery(**row)


async def list_attempts(connection: AsyncConnection, deliveries: Iterable[int]) -> Mapping[int, Sequence[Attempt]]:
    """Return the attempts of deliveries by their ids, in their order."""
    query = select(DELIVERY_ATTEMPTS).where(DELIVERY_ATTEMPTS.c.delivery.in_(list(deliveries)))
    found: dict[int, list[Attempt]] = {}
    for row in (await connection.execute(query.order_by(DELIVERY_ATTEMPTS.c.number))).mappings():
        fields: dict[str, Any] = {name: value for name, value in row.items() if name not in ("delivery", "number")}
        found.setdefault(row["delivery"], []).append(Attempt(**fields))
    return found


async def count_states(connection: AsyncConnection, webhooks: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
    """Return the number of deliveries in each state, by endpoint."""
    columns = DELIVERIES.c.webhook, DELIVERIES.c.state
    query = select(*columns, func.count()).where(DELIVERIES.c.webhook.in_(list(webhooks))).group_by(*columns)
    found: dict[str, dict[str, int]] = {}
    for webhook, state, count in await connection.execute(query):
        found.setdefault(webhook, {})[state] = count
    return found
