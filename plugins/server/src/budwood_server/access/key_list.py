"""Lists of API keys, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.key_store import FIELDS, to_key
from budwood_server.access.keys import ApiKey
from budwood_server.database.tables import API_KEYS


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """
    Selects keys. None selects all.

    Attributes:
        team: Those of this team.
        name: Those with this name.
        state: Those that are ``"active"``, ``"expired"`` or ``"revoked"`` now.
        source: Those that were created by this.
    """

    team: str | None = None
    name: str | None = None
    state: Literal["active", "expired", "revoked"] | None = None
    source: str | None = None


async def list_keys(
    connection: AsyncConnection, where: KeyFilter, now: datetime, *, after: tuple[float, str] | None, limit: int
) -> Sequence[ApiKey]:
    """
    Return keys, the newest first.

    Args:
        connection: A transaction.
        where: Selects the keys.
        now: The present moment.
        after: The moment of creation and the id of the key after which the list begins; None for its beginning.
        limit: The maximum number.
    """
    columns = API_KEYS.c
    query = select(*FIELDS).order_by(columns.created.desc(), columns.id.desc()).limit(limit)
    for column, value in ((columns.team, where.team), (columns.name, where.name), (columns.source, where.source)):
        if value is not None:
            query = query.where(column == value)
    if where.state is not None:
        query = query.where(_has_state(where.state, now.timestamp()))
    if after is not None:
        query = query.where(tuple_(columns.created, columns.id) < after)
    return [to_key(row) for row in (await connection.execute(query)).mappings()]


def _has_state(state: str, now: float) -> ColumnElement[bool]:
    """Return the condition for `ApiKey.find_status`."""
    revoked, expires = API_KEYS.c.revoked, API_KEYS.c.expires
    if state == "revoked":
        return revoked.is_not(None)
    is_over = and_(expires.is_not(None), expires <= now)
    return and_(revoked.is_(None), is_over if state == "expired" else or_(expires.is_(None), expires > now))
