"""Who owns files, batches, jobs and responses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, RowMapping, and_, delete, select, tuple_, update

from budwood_server.database import Database
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import OBJECTS
from budwood_server.events.recording import record_events
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.events.recording import NewEvent

MAX_PAGE: Final = 1000
"""The most objects that are listed at once."""

_FIELDS: Final = ("kind", "public_id", "owner", "provider", "vendor_id", "created", "data")


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """
    A file, batch, job or response that a vendor keeps.

    Attributes:
        kind: What it is, such as ``"file"``.
        public_id: The id that clients use.
        owner: Who may use it; see `ApiKey.owner`.
        provider: The configured provider that has it.
        vendor_id: The vendor's id.
        created: When it was recorded, in seconds since 1970.
        data: What the routes of its kind keep about it, as JSON.
    """

    kind: str
    public_id: str
    owner: str
    provider: str
    vendor_id: str
    created: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """
    A part of a list.

    Attributes:
        objects: The objects.
        has_more: Whether there are more after them.
    """

    objects: Sequence[OwnedObject]
    has_more: bool


class Ownership:
    """
    Records who owns objects, and finds those of an owner. All others get the error for an object that does not exist.

    All methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
        now: Returns the seconds since 1970.
    """

    def __init__(self, database: Database, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    async def record(
        self,
        kind: str,
        public_id: str,
        owner: str,
        *,
        provider: str,
        vendor_id: str,
        data: Mapping[str, Any] | None = None,
    ) -> OwnedObject:
        """
        Record a new object. One that its owner has recorded before keeps its moment, and gets the new data.

        Args:
            kind: What it is, such as ``"file"``.
            public_id: The id that clients use: `encode_id`.
            owner: Who may use it: `ApiKey.owner`.
            provider: The configured provider that has it.
            vendor_id: The vendor's id.
            data: What to keep about it, as JSON.

        Raises:
            ProblemError: 404: another owner has recorded it.
        """
        new = OwnedObject(kind, public_id, owner, provider, vendor_id, self._now(), dict(data or {}))
        async with self._database.write() as connection:
            statement = insert_into(connection, OBJECTS).values({name: getattr(new, name) for name in _FIELDS})
            if (await connection.execute(statement.on_conflict_do_nothing())).rowcount:
                return new
            query = update(OBJECTS).where(_has_id(kind, public_id), OBJECTS.c.owner == owner).values(data=new.data)
            row = (await connection.execute(query.returning(*OBJECTS.c))).mappings().one_or_none()
        if row is None:
            raise not_found(kind, public_id)
        return _to_object(row)

    async def find(self, kind: str, public_id: str, owner: str) -> OwnedObject:
        """
        Return an object of an owner.

        Raises:
            ProblemError: 404: there is none with the id, or another owner has it.
        """
        query = select(OBJECTS).where(_has_id(kind, public_id), OBJECTS.c.owner == owner)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise not_found(kind, public_id)
        return _to_object(row)

    async def list(
        self, kind: str, owner: str, *, after: str | None = None, limit: int = 20, oldest_first: bool = False
    ) -> Page:
        """
        List objects of an owner, the newest first.

        Args:
            kind: What they are.
            owner: Who owns them.
            after: The public id of the object after which the list begins.
            limit: The most objects to return, up to `MAX_PAGE`.
            oldest_first: Whether the oldest ones come first instead.

        Raises:
            ProblemError: 404: ``after`` is no object of the owner.
        """
        query = select(OBJECTS).where(OBJECTS.c.kind == kind, OBJECTS.c.owner == owner)
        if after is not None:
            query = query.where(_follows(await self.find(kind, after, owner), oldest_first=oldest_first))
        columns = (OBJECTS.c.created, OBJECTS.c.public_id)
        query = query.order_by(*(columns if oldest_first else (column.desc() for column in columns)))
        limit = min(limit, MAX_PAGE)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
        return Page([_to_object(row) for row in rows[:limit]], len(rows) > limit)

    async def update(self, found: OwnedObject, data: Mapping[str, Any]) -> OwnedObject:
        """Replace what is kept about an object. Nothing happens if it was deleted."""
        query = update(OBJECTS).where(_has_id(found.kind, found.public_id), OBJECTS.c.owner == found.owner)
        async with self._database.write() as connection:
            await connection.execute(query.values(data=dict(data)))
        return replace(found, data=dict(data))

    async def change(
        self,
        found: OwnedObject,
        decide: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
        *,
        tell: Callable[[OwnedObject, OwnedObject], Sequence[NewEvent]] = lambda *_: (),
    ) -> OwnedObject:
        """
        Replace what is kept about an object, depending on what is kept now. No other worker changes it meanwhile.

        Args:
            found: The object.
            decide: Returns the new data for the present data; None to keep it.
            tell: Returns the events that are written with the change, for the object before and after it.

        Raises:
            ProblemError: 404: it was deleted.
        """
        has_id = _has_id(found.kind, found.public_id)
        query = select(OBJECTS).where(has_id, OBJECTS.c.owner == found.owner).with_for_update()
        async with self._database.write() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                raise not_found(found.kind, found.public_id)
            present = _to_object(row)
            data = decide(present.data)
            if data is None:
                return present
            await connection.execute(update(OBJECTS).where(has_id).values(data=dict(data)))
            changed = replace(present, data=dict(data))
            await record_events(connection, tell(present, changed))
        return changed

    async def delete(self, kind: str, public_id: str, owner: str) -> None:
        """
        Forget an object of an owner.

        Raises:
            ProblemError: 404: there is none with the id, or another owner has it.
        """
        query = delete(OBJECTS).where(_has_id(kind, public_id), OBJECTS.c.owner == owner)
        async with self._database.write() as connection:
            if not (await connection.execute(query)).rowcount:
                raise not_found(kind, public_id)


async def forget(connection: AsyncConnection, kind: str, public_ids: Select[tuple[str]]) -> None:
    """
    Forget objects of any owner, in a transaction.

    Args:
        connection: The transaction.
        kind: What they are.
        public_ids: The query for their ids.
    """
    await connection.execute(delete(OBJECTS).where(OBJECTS.c.kind == kind, OBJECTS.c.public_id.in_(public_ids)))


def not_found(kind: str, public_id: str) -> ProblemError:
    """Return the error for an object that does not exist, or that another owner has."""
    message = f"No such {kind.replace('_', ' ')}: {public_id!r}."
    return ProblemError(Problem(status=404, message=message, code="not_found"))


def _has_id(kind: str, public_id: str) -> ColumnElement[bool]:
    return and_(OBJECTS.c.kind == kind, OBJECTS.c.public_id == public_id)


def _follows(found: OwnedObject, *, oldest_first: bool) -> ColumnElement[bool]:
    """Return the condition of objects that come after one in a list. Several may have one moment."""
    place, found_place = tuple_(OBJECTS.c.created, OBJECTS.c.public_id), (found.created, found.public_id)
    return place > found_place if oldest_first else place < found_place


def _to_object(row: RowMapping) -> OwnedObject:
    return OwnedObject(*(row[name] for name in _FIELDS))
