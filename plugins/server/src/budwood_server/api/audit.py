"""``/api/audit``: the log of administrative acts, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from budwood_server.api.access import Admin, get_database
from budwood_server.api.errors import list_responses
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api.pattern_words import PRINTABLE_PATTERN
from budwood_server.api_models.audit import AuditEntry
from budwood_server.people.audit import list_entries

router = APIRouter(prefix="/api/audit", tags=["audit"])

Filter = Annotated[str | None, Query(max_length=128, pattern=PRINTABLE_PATTERN)]


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_audit(
    request: Request,
    paging: PageQuery,
    _: Admin,
    action: Filter = None,
    principal_id: Filter = None,
) -> Page[AuditEntry]:
    """List administrative acts, the newest first: all, those of one action, or those of one key or account."""
    after = paging.after(int)
    async with get_database(request).read() as connection:
        found = await list_entries(
            connection,
            before=after[0] if after else None,
            limit=paging.fetch,
            action=action,
            principal_id=principal_id,
        )
    return Page[AuditEntry].of(found, paging, lambda entry: entry, lambda entry: (entry.id,))
