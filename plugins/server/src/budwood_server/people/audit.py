"""The log of administrative acts. An entry is written in the transaction of its act."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.api_models.audit import AuditEntry
from budwood_server.database.tables import AUDIT
from budwood_server.people.principals import Principal


async def record(
    connection: AsyncConnection,
    principal: Principal,
    action: str,
    target: str,
    details: Mapping[str, Any] | None = None,
    *,
    at: float | None = None,
) -> None:
    """
    Add an entry to the log.

    Args:
        connection: The transaction of the act.
        principal: Who acts.
        action: What is done: the subject and a verb, such as ``"key.revoke"``.
        target: The id of what is changed.
        details: What else should be known, as JSON, without secrets.
        at: When it is, in seconds since 1970; by default now.
    """
    await connection.execute(
        insert(AUDIT).values(
            at=time.time() if at is None else at,
            principal_kind=principal.kind,
            principal_id=principal.id,
            principal_name=principal.name,
            action=action,
            target=target,
            details=dict(details or {}),
        )
    )


async def list_entries(
    connection: AsyncConnection,
    *,
    before: int | None = None,
    limit: int = 50,
    action: str | None = None,
    principal_id: str | None = None,
) -> Sequence[AuditEntry]:
    """
    Return entries, the newest first.

    Args:
        connection: A transaction.
        before: Only entries that are older than the one with this id.
        limit: The maximum number.
        action: Only this action.
        principal_id: Only acts of this key or account.
    """
    query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AUDIT.c.id < before)
    if action is not None:
        query = query.where(AUDIT.c.action == action)
    if principal_id is not None:
        query = query.where(AUDIT.c.principal_id == principal_id)
    return [AuditEntry.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]
