"""Requests that create or act once, in one transaction with their reply; see `budwood_server.idempotency`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.api.access import get_database
from budwood_server.api.pattern_words import PRINTABLE_PATTERN
from budwood_server.idempotency.replies import HEADERS, KEY_DESCRIPTION, MAX_KEY, REPLAYED, identify, reserve, save
from budwood_server.people.principals import Principal

Create = Callable[[AsyncConnection], Awaitable[BaseModel]]

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=MAX_KEY, pattern=PRINTABLE_PATTERN, description=KEY_DESCRIPTION)
]
"""The type of the parameter ``idempotency_key`` of a route that creates or acts once."""


async def create_once(
    request: Request, principal: Principal, key: str | None, create: Create, *, status: int = 201
) -> Response:
    """
    Create or change something in a transaction, unless the same request has done so before.

    Args:
        request: The request.
        principal: Who sends it.
        key: Its ``idempotency-key``, or None: then it always acts.
        create: Acts by means of the connection, and returns the body of the reply. It must not open another
            transaction.
        status: The status of the reply.

    Returns:
        The reply, or the first one again, with the header ``idempotent-replayed: true``.

    Raises:
        ProblemError: 409: the key was used with another request.
        DatabaseError: The database cannot be used. Nothing was changed.
    """
    database = get_database(request)
    identity = None
    if key is not None:
        target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        identity = identify(principal.reference, key, (target, await request.body()))
    async with database.write() as connection:
        if identity is not None:
            first = await reserve(connection, identity, status=status)
            if first is not None:
                return _answer(first.content, first.status, REPLAYED)
        content = (await create(connection)).model_dump_json().encode()
        if identity is not None:
            await save(connection, identity, content)
    return _answer(content, status)


def _answer(content: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(content, status, HEADERS | (headers or {}), media_type="application/json")
