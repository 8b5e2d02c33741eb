"""Replies that this server keeps, in its database."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from budwood_server.access.ownership import not_found
from budwood_server.access.public_ids import RESPONSE
from budwood_server.database import Database
from budwood_server.database.tables import RESPONSES
from budwood_server.events.jobs import make_job_event
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.gateway.signs import LEASE_SECONDS
from budwood_server.settings import DAY_SECONDS
from budwood_server.web.problems import reject

RUNNING: Final = ("queued", "in_progress")
"""The statuses of replies that are being made."""

_LOST: Final = {"code": "server_error", "message": "The server was stopped before the reply was complete."}
_MAX_CHAIN: Final = 10_000


@dataclass(frozen=True, slots=True)
class StoredReply:
    """
    A reply, with what it answers.

    Attributes:
        id: Its public id.
        owner: Who may use it; see `ApiKey.owner`.
        model: The public name of the model.
        status: Its status, as the API names it.
        created: When it was created, in seconds since 1970.
        expires: When it is removed; while it is being made, when it counts as lost.
        previous_id: The id of the reply that it follows, or None.
        body: ``reply`` as the client gets it, and ``input`` as a list of items.
    """

    id: str
    owner: str
    model: str
    status: str
    created: float
    expires: float
    previous_id: str | None
    body: Mapping[str, Any]

    @property
    def is_running(self) -> bool:
        """Whether the reply is still being made."""
        return self.status in RUNNING


class ReplyStore:
    """
    Keeps replies for some days. All methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
        days: How long replies are kept.
        now: Returns the seconds since 1970.
    """

    def __init__(self, database: Database, days: float, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._seconds = days * DAY_SECONDS
        self._now = now

    async def add(
        self, reply: Mapping[str, Any], items: list[Any], *, owner: str, previous_id: str | None
    ) -> StoredReply:
        """
        Keep a reply. Those that have expired are removed.

        Args:
            reply: The reply as the client gets it.
            items: The input that it answers.
            owner: Who may use it.
            previous_id: The reply that it follows.
        """
        now, status = self._now(), str(reply["status"])
        expires = now + (LEASE_SECONDS if status in RUNNING else self._seconds)
        body = {"reply": dict(reply), "input": items}
        stored = StoredReply(reply["id"], owner, str(reply["model"]), status, now, expires, previous_id, body)
        values = {name: getattr(stored, name) for name in StoredReply.__slots__}
        async with self._database.write() as connection:
            await connection.execute(
                delete(RESPONSES).where(RESPONSES.c.expires < now, RESPONSES.c.status.not_in(RUNNING))
            )
            await connection.execute(insert(RESPONSES).values(values))
        return stored

    async def find(self, reply_id: str, owner: str) -> StoredReply:
        """
        Return a reply of an owner. One whose worker has ended before it was complete has failed.

        Raises:
            ProblemError: 404: there is none with the id, it has expired, or another owner has it.
        """
        query = select(RESPONSES).where(RESPONSES.c.id == reply_id, RESPONSES.c.owner == owner)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise not_found(RESPONSE, reply_id)
        stored = StoredReply(**row)
        if stored.expires >= self._now():
            return stored
        if not stored.is_running:
            raise not_found(RESPONSE, reply_id)
        failed = {**stored.body["reply"], "status": "failed", "error": _LOST}
        return await self.replace(stored, failed) or await self.find(reply_id, owner)

    async def read(self, reply_id: str, owner: str) -> dict[str, Any]:
        """Return a reply of an owner as the client gets it; see `find`."""
        return dict((await self.find(reply_id, owner)).body["reply"])

    async def replace(self, stored: StoredReply, reply: Mapping[str, Any]) -> StoredReply | None:
        """
        Replace a reply that is being made; None if it was cancelled or deleted meanwhile.

        The event that tells its end is written in the same transaction.
        """
        status, now = str(reply["status"]), self._now()
        expires = now + (LEASE_SECONDS if status in RUNNING else self._seconds)
        body = {**stored.body, "reply": dict(reply)}
        changed = update(RESPONSES).where(RESPONSES.c.id == stored.id, RESPONSES.c.status.in_(RUNNING))
        async with self._database.write() as connection:
            result = await connection.execute(changed.values(status=status, expires=expires, body=body))
            if result.rowcount and status not in RUNNING:
                await record_events(connection, [_describe_end(stored, status)])
        return replace(stored, status=status, expires=expires, body=body) if result.rowcount else None

    async def extend(self, reply_id: str) -> bool:
        """Say that a reply is still being made; return false if it was cancelled or deleted meanwhile."""
        changed = update(RESPONSES).where(RESPONSES.c.id == reply_id, RESPONSES.c.status.in_(RUNNING))
        async with self._database.write() as connection:
            result = await connection.execute(changed.values(expires=self._now() + LEASE_SECONDS))
        return bool(result.rowcount)

    async def delete(self, reply_id: str, owner: str) -> None:
        """
        Remove a reply of an owner.

        Raises:
            ProblemError: 404: there is none with the id, or another owner has it.
        """
        query = delete(RESPONSES).where(RESPONSES.c.id == reply_id, RESPONSES.c.owner == owner)
        async with self._database.write() as connection:
            if not (await connection.execute(query)).rowcount:
                raise not_found(RESPONSE, reply_id)

    async def list_history(self, reply_id: str, owner: str) -> list[Any]:
        """
        Return the items of the conversation up to the end of a reply, the oldest first.

        Raises:
            ProblemError: The reply or one before it does not exist, or is not complete.
        """
        turns: list[list[Any]] = []
        next_id: str | None = reply_id
        while next_id is not None and len(turns) < _MAX_CHAIN:
            stored = await self.find(next_id, owner)
            if stored.is_running:
                raise reject(f"The reply {next_id!r} is not complete yet.", param="previous_response_id")
            turns.append([*stored.body["input"], *stored.body["reply"]["output"]])
            next_id = stored.previous_id
        return [item for turn in reversed(turns) for item in turn]


def _describe_end(stored: StoredReply, status: str) -> NewEvent:
    return make_job_event(RESPONSE, stored.id, stored.owner, status=status, created=stored.created, model=stored.model)
