"""
The header ``idempotency-key`` of requests that create.

The same key and request of the same principal get the first reply again, for 24 hours, so that a client can send a
request again whose reply was lost. The reply is stored in the transaction of the creation. It may contain a new secret,
which is stored nowhere else, so it is encrypted with a key that only the header contains.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, NamedTuple

from fastapi import Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.api.access import get_database
from budwood_server.api.pattern_words import PRINTABLE_PATTERN
from budwood_server.database import Database
from budwood_server.database.tables import IDEMPOTENT_REPLIES as REPLIES
from budwood_server.people.principals import Principal
from budwood_server.web.problems import reject

KEPT_SECONDS: Final = 24 * 3600.0
_NONCE_BYTES: Final = 12

Create = Callable[[AsyncConnection], Awaitable[BaseModel]]

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=PRINTABLE_PATTERN,
        description="Random text, such as a UUID: the same request with it returns the first reply for 24 hours.",
    ),
]
"""The type of the parameter ``idempotency_key`` of a route that creates."""


class _Stored(NamedTuple):
    """What identifies a request, and the secret of its reply."""

    principal: str
    key_hash: bytes
    request_hash: bytes
    secret: bytes


class _First(NamedTuple):
    """The request that came first."""

    request_hash: bytes
    status: int
    reply: bytes


async def create_once(
    request: Request, principal: Principal, key: str | None, create: Create, *, status: int = 201
) -> Response:
    """
    Create something in a transaction, unless the same request has done so before.

    Args:
        request: The request.
        principal: Who sends it.
        key: Its ``idempotency-key``, or None: then it always creates.
        create: Creates it by means of the connection, and returns the body of the reply. It must not open another
            transaction.
        status: The status of the reply.

    Returns:
        The reply, or the first one again, with the header ``idempotent-replayed: true``.

    Raises:
        ProblemError: 409: the key was used with another request.
        DatabaseError: The database cannot be used. Nothing was created.
    """
    database = get_database(request)
    stored = None if key is None else await _identify(request, principal, key)
    async with database.write() as connection:
        if stored is not None and (first := await _reserve(database, connection, stored, status)) is not None:
            return _replay(first, stored)
        content = (await create(connection)).model_dump_json().encode()
        if stored is not None:
            await _save(connection, stored, content)
    return _answer(content, status)


async def _identify(request: Request, principal: Principal, key: str) -> _Stored:
    target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return _Stored(
        principal.reference,
        hashlib.sha256(b"find:" + key.encode()).digest(),
        hashlib.sha256(target + await request.body()).digest(),
        hashlib.sha256(b"encrypt:" + key.encode()).digest(),
    )


async def _reserve(database: Database, connection: AsyncConnection, stored: _Stored, status: int) -> _First | None:
    """Take the key for this request, and return None; or return the request that has it, after its transaction."""
    now = time.time()
    await connection.execute(delete(REPLIES).where(REPLIES.c.expires <= now))
    reservation = database.insert(REPLIES).values(
        principal=stored.principal,
        key_hash=stored.key_hash,
        request_hash=stored.request_hash,
        status=status,
        expires=now + KEPT_SECONDS,
    )
    if (await connection.execute(reservation.on_conflict_do_nothing())).rowcount:
        return None
    columns = REPLIES.c.request_hash, REPLIES.c.status, REPLIES.c.reply
    return _First(*(await connection.execute(select(*columns).where(*_is(stored)))).one())


async def _save(connection: AsyncConnection, stored: _Stored, content: bytes) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 6 MB, which most workers need not

    nonce = os.urandom(_NONCE_BYTES)
    encrypted = nonce + AESGCM(stored.secret).encrypt(nonce, content, stored.request_hash)
    await connection.execute(update(REPLIES).where(*_is(stored)).values(reply=encrypted))


def _is(stored: _Stored) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return REPLIES.c.principal == stored.principal, REPLIES.c.key_hash == stored.key_hash


def _replay(first: _First, stored: _Stored) -> Response:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    request_hash, status, reply = first
    if request_hash != stored.request_hash:
        raise reject(
            "The idempotency-key was used with another request.",
            code="idempotency_conflict",
            hint="Send a new idempotency-key for a new request.",
            status=409,
        )
    try:
        content = AESGCM(stored.secret).decrypt(reply[:_NONCE_BYTES], reply[_NONCE_BYTES:], request_hash)
    except InvalidTag:  # the row was changed
        raise reject("The first reply is damaged.", code="idempotency_conflict", status=409) from None
    return _answer(content, status, {"idempotent-replayed": "true"})


def _answer(content: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
    headers = {"cache-control": "no-store"} | (headers or {})
    return Response(content, status, headers, media_type="application/json")
