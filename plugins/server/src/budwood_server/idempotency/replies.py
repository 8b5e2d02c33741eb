"""
Replies to requests with the header ``idempotency-key``.

The same key and request of the same principal get the first reply again, for 24 hours, so that a client can send a
request again whose reply was lost. A reply may contain a new secret, which is stored nowhere else, or what a model
wrote, so it is encrypted with a key that only the header contains.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, select, update

from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import IDEMPOTENT_REPLIES as REPLIES
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


HEADER: Final = "idempotency-key"
MAX_KEY: Final = 255
KEY_DESCRIPTION: Final = "Random text, such as a UUID: the same request with it returns the first reply for 24 hours."
KEPT_SECONDS: Final = 24 * 3600.0
HEADERS: Final = {"cache-control": "no-store"}
REPLAYED: Final = {"idempotent-replayed": "true"}
"""Says that a reply is the first one again."""

_NONCE_BYTES: Final = 12
_IN_PROGRESS: Final = Problem(
    status=409,
    message="The first request with this idempotency-key has not ended.",
    code="idempotency_in_progress",
    hint="Send the request again later, with the same idempotency-key.",
    headers={"retry-after": "1"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestIdentity:
    """
    What identifies a request, and the secret of its reply.

    Attributes:
        principal: The reference of who sends it.
        key_hash: An HMAC by which its key is found.
        request_hash: An HMAC of what it asks for.
        secret: What its reply is encrypted with.
    """

    principal: str
    key_hash: bytes
    request_hash: bytes
    secret: bytes = field(repr=False)

    @property
    def row(self) -> ColumnElement[bool]:
        """The condition for its row."""
        return and_(REPLIES.c.principal == self.principal, REPLIES.c.key_hash == self.key_hash)


class StoredReply(NamedTuple):
    """The reply to the first request; ``content`` is JSON."""

    content: bytes
    status: int


class _Row(NamedTuple):
    request_hash: bytes
    status: int
    reply: bytes | None


def identify(principal: str, key: str, parts: Iterable[bytes]) -> RequestIdentity:
    """
    Return what identifies a request.

    Args:
        principal: The reference of who sends it.
        key: Its ``idempotency-key``.
        parts: What it asks for: method and target, and its body.
    """
    return RequestIdentity(
        principal=principal,
        key_hash=_derive("find", key),
        request_hash=_derive("request", key, b"".join(parts)),  # a plain hash would let passwords be guessed
        secret=_derive("encrypt", key),
    )


def _derive(purpose: str, key: str, content: bytes = b"") -> bytes:
    """Return an HMAC of what has a purpose, which tells nothing to those who do not know the key."""
    return hmac.digest(key.encode(), purpose.encode() + b":" + content, "sha256")


async def reserve(
    connection: AsyncConnection,
    identity: RequestIdentity,
    *,
    status: int,
    seconds: float = KEPT_SECONDS,
) -> StoredReply | None:
    """
    Take a key for a request, or return the reply to the first request that has it.

    Args:
        connection: A transaction. Another one that has taken the key is waited for.
        identity: The request.
        status: The status of its reply.
        seconds: How long the key is taken, unless a reply is saved.

    Raises:
        ProblemError: 409: the key was used with another request, or the first request has not ended.
    """
    now = time.time()
    await connection.execute(delete(REPLIES).where(REPLIES.c.expires <= now))
    reservation = insert_into(connection, REPLIES).values(
        principal=identity.principal,
        key_hash=identity.key_hash,
        request_hash=identity.request_hash,
        status=status,
        expires=now + seconds,
    )
    if (await connection.execute(reservation.on_conflict_do_nothing())).rowcount:
        return None
    columns = REPLIES.c.request_hash, REPLIES.c.status, REPLIES.c.reply
    return _read(_Row(*(await connection.execute(select(*columns).where(identity.row))).one()), identity)


async def save(connection: AsyncConnection, identity: RequestIdentity, content: bytes) -> None:
    """Save the reply to a request that has taken its key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 6 MB, which most workers need not

    nonce = os.urandom(_NONCE_BYTES)
    encrypted = nonce + AESGCM(identity.secret).encrypt(nonce, content, identity.request_hash)
    expires = time.time() + KEPT_SECONDS
    await connection.execute(update(REPLIES).where(identity.row).values(reply=encrypted, expires=expires))


def _read(first: _Row, identity: RequestIdentity) -> StoredReply:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    request_hash, status, reply = first
    if request_hash != identity.request_hash:
        raise reject(
            "The idempotency-key was used with another request.",
            code="idempotency_conflict",
            hint="Send a new idempotency-key for a new request.",
            status=409,
        )
    if reply is None:
        raise ProblemError(_IN_PROGRESS)
    try:
        content = AESGCM(identity.secret).decrypt(reply[:_NONCE_BYTES], reply[_NONCE_BYTES:], request_hash)
    except InvalidTag:  # the row was changed
        raise reject("The first reply is damaged.", code="idempotency_conflict", status=409) from None
    return StoredReply(content, status)
