"""The log of administrative acts. An entry is written in the transaction of its act, and so is the event of the act."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.api_models.audit import AuditEntry
from budwood_server.database.tables import AUDIT
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.people.principals import Principal

EVENTS: Final[Mapping[str, str]] = {
    "key.create": "key.created",
    "key.rotate": "key.created",
    "key.revoke": "key.revoked",
    "token.add": "token.added",
    "token.rotate": "token.added",
    "token.remove": "token.removed",
    **dict.fromkeys(
        (
            "prompt.save",
            "prompt.roll_back",
            "prompt.label",
            "prompt.unlabel",
            "prompt.delete",
            "prompt.delete_version",
        ),
        "prompt.updated",
    ),
}
"""The types of the events that tell of acts; the other acts have none."""


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
    at = time.time() if at is None else at
    await connection.execute(
        insert(AUDIT).values(
            at=at,
            principal_kind=principal.kind,
            principal_id=principal.id,
            principal_name=principal.name,
            action=action,
            target=target,
            details=dict(details or {}),
        )
    )
    if (event := EVENTS.get(action)) is not None:
        data = {"action": action, **(details or {}), "by": {"kind": principal.kind, "name": principal.name}}
        await record_events(connection, [NewEvent(event, target, data, time=at)])


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
