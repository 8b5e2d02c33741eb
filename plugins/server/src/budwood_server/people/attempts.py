"""How many logins may fail: for a name from an address, for a name, and from an address."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from typing import Final, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database import Database
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import LOGIN_FAILURES as FAILURES
from budwood_server.web.problems import Problem, ProblemError

WINDOW_SECONDS: Final = 15 * 60.0
MAX_FOR_BOTH: Final = 10
MAX_FOR_NAME: Final = 100
"""Higher, so that a stranger cannot easily lock out a person elsewhere. Addresses from which the person has logged in
are not bounded by it."""

MAX_FOR_ADDRESS: Final = 50
KNOWN_SECONDS: Final = 30 * 24 * 3600.0
"""The time after a login for which its address is known."""


async def count_attempt(database: Database, name: str, address: str) -> None:
    """
    Count an attempt before its password is compared, so that many at the same time are counted, too.

    What is refused for one address counts no further, so that a stranger cannot use up the attempts of a name alone.

    Raises:
        ProblemError: 429: too many have failed.
    """
    now = time.time()
    async with database.write() as connection:
        await connection.execute(delete(FAILURES).where(FAILURES.c.resets_at <= now))
        end = await _count_all(connection, _subjects(name, address), now)
    if end:
        raise ProblemError(
            Problem(
                status=429,
                message="Too many logins have failed.",
                type="rate_limit_error",
                code="too_many_attempts",
                hint="Wait, and try again.",
                headers={"retry-after": str(max(1, math.ceil(end - now)))},
            )
        )


async def forgive_attempt(connection: AsyncConnection, name: str, address: str) -> None:
    """
    Count an attempt that succeeded no longer, nor those before it for the same name from the same address.

    The limit of the name alone does not bound this address for some weeks.
    """
    found = _subjects(name, address)
    await connection.execute(delete(FAILURES).where(FAILURES.c.subject == found.both))
    for subject in (found.address, found.name):
        is_it = (FAILURES.c.subject == subject) & (FAILURES.c.count > 0)
        await connection.execute(update(FAILURES).where(is_it).values(count=FAILURES.c.count - 1))
    until = {"resets_at": time.time() + KNOWN_SECONDS}
    insertion = insert_into(connection, FAILURES).values(subject=found.known, count=0, **until)
    await connection.execute(insertion.on_conflict_do_update(index_elements=["subject"], set_=until))


class _Subjects(NamedTuple):
    """What is counted for an attempt, and under which its address is known."""

    address: str
    both: str
    name: str
    known: str


def _subjects(name: str, address: str) -> _Subjects:
    address = _find_network(address)
    texts = (f"address\n{address}", f"both\n{address}\n{name}", f"name\n{name}", f"known\n{address}\n{name}")
    return _Subjects(*(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts))


def _find_network(address: str) -> str:
    """Return the network of an address that one client usually has: of IPv6, the first 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found), 64), strict=False))


async def _count_all(connection: AsyncConnection, found: _Subjects, now: float) -> float:
    """Count an attempt for one subject after another, until there are too many. Return when that ends, or 0."""
    known = await connection.execute(select(FAILURES.c.subject).where(FAILURES.c.subject == found.known))
    counts = [(found.address, MAX_FOR_ADDRESS), (found.both, MAX_FOR_BOTH)]
    if known.first() is None:
        counts.append((found.name, MAX_FOR_NAME))
    for subject, limit in counts:
        if end := await _count(connection, subject, limit, now):
            return end
    return 0.0


async def _count(connection: AsyncConnection, subject: str, limit: int, now: float) -> float:
    """Count an attempt. Return when the count ends if there are too many, or 0."""
    first = insert_into(connection, FAILURES).values(subject=subject, count=0, resets_at=now + WINDOW_SECONDS)
    await connection.execute(first.on_conflict_do_nothing())
    is_it = FAILURES.c.subject == subject
    await connection.execute(update(FAILURES).where(is_it).values(count=FAILURES.c.count + 1))
    row = (await connection.execute(select(FAILURES.c.count.label("failed"), FAILURES.c.resets_at).where(is_it))).one()
    return float(row.resets_at) if row.failed > limit else 0.0
