"""Keys of requests that take too long for one transaction, such as calls of models."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, and_, delete, select, update

from budwood_server.database.tables import IDEMPOTENT_REPLIES as REPLIES
from budwood_server.gateway.signs import LEASE_SECONDS
from budwood_server.idempotency.replies import RequestIdentity, StoredReply, reserve, save
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.database import Database

_STATUS: Final = 200


class Reservation:
    """
    The key of a request that is under way. Without signs of its worker, it is free again after a minute.

    Args:
        database: The database.
        identity: The request.
    """

    def __init__(self, database: Database, identity: RequestIdentity) -> None:
        self._database = database
        self._identity = identity
        self._expires = 0.0

    async def take(self) -> StoredReply | None:
        """
        Take the key, or return the reply to the first request that has it.

        Raises:
            ProblemError: 409: the key was used with another request, or the first request has not ended.
        """
        async with self._database.write() as connection:
            first = await reserve(connection, self._identity, status=_STATUS, seconds=LEASE_SECONDS)
            if first is None:
                query = select(REPLIES.c.expires).where(self._identity.row)
                self._expires = (await connection.execute(query)).scalar_one()
        return first

    async def extend(self) -> bool:
        """Give a sign that the request is under way. Returns true: it goes on, and `save` checks who has the key."""
        expires = time.time() + LEASE_SECONDS
        async with self._database.write() as connection:
            changed = await connection.execute(update(REPLIES).where(self._row).values(expires=expires))
        if changed.rowcount:
            self._expires = expires
        return True

    async def save(self, connection: AsyncConnection, content: bytes) -> None:
        """
        Save the reply, in the transaction of what the request changes.

        Raises:
            ProblemError: 409: another request has taken the key, because signs were late.
        """
        found = await connection.execute(select(REPLIES.c.status).where(self._row).with_for_update())
        if found.first() is None:
            raise reject("Another request has taken the idempotency-key.", code="idempotency_conflict", status=409)
        await save(connection, self._identity, content)

    async def release(self) -> None:
        """Make the key free again, unless there is a reply: the request has failed."""
        async with self._database.write() as connection:
            await connection.execute(delete(REPLIES).where(self._row))

    @property
    def _row(self) -> ColumnElement[bool]:
        """The condition for the row as long as this request has it."""
        return and_(self._identity.row, REPLIES.c.reply.is_(None), REPLIES.c.expires == self._expires)
