"""Versions of subjects: numbers that tell other processes that something has changed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database.tables import VERSIONS

KEYS: Final = "keys"
CONFIG: Final = "config"
TOKENS: Final = "tokens"
PROMPTS: Final = "prompts"
EVENTS: Final = "events"
WEBHOOKS: Final = "webhooks"
INTERESTS: Final = "event_interests"
LOGINS: Final = "logins"
"""The subjects; a migration inserts the row of each."""

CHANNEL: Final = "budwood_versions"
"""The channel of PostgreSQL on which changes are announced."""


async def raise_version(connection: AsyncConnection, subject: str, by: int = 1) -> int:
    """
    Raise the version of a subject in a transaction, and return it.

    Other transactions that raise it wait until this one ends, so that versions are committed in their order.
    """
    statement = update(VERSIONS).where(VERSIONS.c.subject == subject).values(version=VERSIONS.c.version + by)
    version: int = (await connection.execute(statement.returning(VERSIONS.c.version))).scalar_one()
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_notify(CHANNEL, subject)))  # delivered at the commit
    return version


async def read_versions(connection: AsyncConnection) -> dict[str, int]:
    """Return the versions of all subjects."""
    rows = await connection.execute(select(VERSIONS.c.subject, VERSIONS.c.version))
    return {row.subject: row.version for row in rows}
