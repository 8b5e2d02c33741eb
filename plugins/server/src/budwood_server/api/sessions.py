"""``/api/sessions``: conversations that the server keeps."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from budwood_server.access.keys import INFER
from budwood_server.api.access import get_database, require
from budwood_server.api.errors import list_responses
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api_models.run import SESSION_PATTERN
from budwood_server.api_models.sessions import SessionDetails, SessionReply
from budwood_server.people import audit
from budwood_server.people.principals import Principal
from budwood_server.sessions import store

router = APIRouter(prefix="/api/sessions", tags=["run"])

Owner = Annotated[Principal, Depends(require(INFER))]
Name = Annotated[str, Path(pattern=SESSION_PATTERN)]


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_sessions(request: Request, paging: PageQuery, owner: Owner) -> Page[SessionReply]:
    """List the sessions of the team of the key, of the key or of the account, the last changed first."""
    async with get_database(request).read() as connection:
        found = await store.list_sessions(
            connection, owner.owner, time.time(), after=paging.after(float, str), limit=paging.fetch
        )
    return Page[SessionReply].of(found, paging, SessionReply.model_validate, lambda row: [row["changed"], row["name"]])


@router.get("/{name}", responses=list_responses(400, 401, 403, 404, 503))
async def get_session(request: Request, name: Name, owner: Owner) -> SessionDetails:
    """Return a session with its messages."""
    async with get_database(request).read() as connection:
        return await store.find_session(connection, owner.owner, name, time.time())


@router.delete("/{name}", status_code=204, responses=list_responses(400, 401, 403, 404, 503))
async def delete_session(request: Request, name: Name, owner: Owner) -> None:
    """Delete a session."""
    async with get_database(request).write() as connection:
        await store.delete_session(connection, owner.owner, name)
        await audit.record(connection, owner, "session.delete", name)
