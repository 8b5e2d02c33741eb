"""Sessions in the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json, to_json
from sqlalchemy import ColumnElement, RowMapping, and_, delete, select, tuple_, update

from budwood_server.api_models.sessions import SessionDetails, SessionReply
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import SESSIONS
from budwood_server.sessions.history import MAX_BYTES, MAX_MESSAGES, Message, join_messages
from budwood_server.settings import DAY_SECONDS
from budwood_server.web.problems import ProblemError, reject

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.database import Database

_SUMMARY: Final = tuple(SESSIONS.c[name] for name in SessionReply.model_fields)


class SessionStore:
    """
    Keeps sessions, each for an owner. Others do not find it.

    All methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
        days: The days after the last reply for which a session is kept.
        now: Returns the seconds since 1970.
    """

    def __init__(self, database: Database, days: float, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._seconds = days * DAY_SECONDS
        self._now = now

    async def join(self, owner: str, name: str, new: Sequence[Message]) -> Sequence[Message]:
        """Return the messages of a session, which may be a new one, with those of a request. Nothing is kept."""
        query = select(SESSIONS.c.content).where(_is(owner, name), SESSIONS.c.expires > self._now())
        async with self._database.read() as connection:
            content: str | None = (await connection.execute(query)).scalar_one_or_none()
        return join_messages(() if content is None else from_json(content), new)

    async def add(
        self, owner: str, name: str, new: Sequence[Message], *, transaction: AsyncConnection | None = None
    ) -> None:
        """
        Add the messages of a request and the reply. Requests at the same time add theirs one after the other.

        Sessions that have expired are removed.

        Args:
            owner: Who owns the session.
            name: Its name.
            new: The messages.
            transaction: The transaction in which that is done; by default one of its own.
        """
        if transaction is not None:
            await self._add(transaction, owner, name, new)
            return
        async with self._database.write() as connection:
            await self._add(connection, owner, name, new)

    async def _add(self, connection: AsyncConnection, owner: str, name: str, new: Sequence[Message]) -> None:
        now = self._now()
        key = {"owner": owner, "name": name}
        empty = {"created": now, "changed": now, "expires": now + self._seconds, "messages": 0, "bytes": 2}
        await connection.execute(delete(SESSIONS).where(SESSIONS.c.expires <= now))
        first = insert_into(connection, SESSIONS).values(**key, **empty, content="[]")
        await connection.execute(first.on_conflict_do_nothing())
        query = select(SESSIONS.c.content).where(_is(owner, name)).with_for_update()
        joined = join_messages(from_json((await connection.execute(query)).scalar_one()), new)
        content = to_json(joined)
        values = {"changed": now, "expires": now + self._seconds, "messages": len(joined), "bytes": len(content)}
        await connection.execute(update(SESSIONS).where(_is(owner, name)).values(**values, content=content.decode()))


def check_room(name: str, messages: Sequence[Message]) -> None:
    """
    Check that a session has room for messages and a reply.

    Args:
        name: The name of the session.
        messages: All its messages, with those of the request.

    Raises:
        ProblemError: It has not.
    """
    if len(messages) < MAX_MESSAGES and len(to_json(messages)) <= MAX_BYTES:
        return
    raise reject(
        f"The session {name!r} would have more than {MAX_MESSAGES:,} messages or {MAX_BYTES:,} bytes.",
        param="session",
        code="session_full",
        hint="Continue with another session, or delete this one.",
    )


async def find_session(connection: AsyncConnection, owner: str, name: str, now: float) -> SessionDetails:
    """
    Return a session with its messages.

    Raises:
        ProblemError: 404: the owner has none of this name.
    """
    query = select(*_SUMMARY, SESSIONS.c.content).where(_is(owner, name), SESSIONS.c.expires > now)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise _unknown_session(name)
    return SessionDetails.model_validate({**row, "content": from_json(row["content"])})


async def list_sessions(
    connection: AsyncConnection, owner: str, now: float, *, after: tuple[float, str] | None, limit: int
) -> Sequence[RowMapping]:
    """
    Return the rows of sessions of an owner without their messages, the last changed first.

    Args:
        connection: A transaction.
        owner: Who owns them.
        now: The present, in seconds since 1970.
        after: The time of the last change, and the name, of the session after which the list begins.
        limit: The maximum number.
    """
    query = select(*_SUMMARY).where(SESSIONS.c.owner == owner, SESSIONS.c.expires > now)
    if after is not None:
        query = query.where(tuple_(SESSIONS.c.changed, SESSIONS.c.name) < after)
    query = query.order_by(SESSIONS.c.changed.desc(), SESSIONS.c.name.desc()).limit(limit)  # as the index has them
    return (await connection.execute(query)).mappings().all()


async def delete_session(connection: AsyncConnection, owner: str, name: str) -> None:
    """
    Delete a session.

    Raises:
        ProblemError: 404: the owner has none of this name.
    """
    if not (await connection.execute(delete(SESSIONS).where(_is(owner, name)))).rowcount:
        raise _unknown_session(name)


def _unknown_session(name: str) -> ProblemError:
    """Return the error for a session that does not exist, or that another owner has."""
    return reject(f"There is no session {name!r}.", code="not_found", hint="GET /api/sessions lists them.", status=404)


def _is(owner: str, name: str) -> ColumnElement[bool]:
    return and_(SESSIONS.c.owner == owner, SESSIONS.c.name == name)
