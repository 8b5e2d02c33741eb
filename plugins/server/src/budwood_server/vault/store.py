"""
The table of vendors' tokens.

All functions take the connection of a transaction, in which callers may record who changed what. Each change raises the
version of the tokens, which servers notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import SecretStr
from sqlalchemy import Row, Select, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood.errors import BudwoodError
from budwood.names import normalise
from budwood_server.access.tokens import new_id
from budwood_server.api_models.moments import from_seconds
from budwood_server.database import TOKENS, raise_version
from budwood_server.database.tables import VENDOR_TOKENS, WEBHOOK_SECRETS
from budwood_server.vault.master_keys import MasterKeys
from budwood_server.vault.sealing import SealedText, SealError, seal, unseal
from budwood_server.vault.tokens import NewToken, TokenError, VendorToken, find_ending, is_shown_by

PREFIX: Final = "tok_"
COLUMN: Final = "ciphertext"
"""The column of which a sealed token is a part, as its associated data names it."""

_ORDER: Final = (VENDOR_TOKENS.c.created.desc(), VENDOR_TOKENS.c.id.desc())


class TokenNotFoundError(BudwoodError):
    """The server has no such token of a vendor."""

    error_code = "unknown_token"


class TokenExistsError(BudwoodError):
    """The provider has a token with this label, or the same token."""

    error_code = "token_exists"


@dataclass(frozen=True, slots=True)
class StoredToken:
    """
    A token as the table has it.

    Attributes:
        token: What describes it.
        sealed: Its sealed text.
    """

    token: VendorToken
    sealed: SealedText = field(repr=False)

    def open(self, keys: MasterKeys) -> SecretStr:
        """
        Return its text.

        Raises:
            SealError: It cannot be opened.
        """
        return SecretStr(unseal(self.sealed, keys, *_find_place(self.token.id, self.token.provider)))


class Rewrapped(NamedTuple):
    """
    What sealing the tokens again has done.

    Attributes:
        changed: Those that are now sealed with the newest master key.
        unchanged: How many were sealed with it before.
        failed: Those that could not be opened, which are as before, with the reasons.
    """

    changed: Sequence[VendorToken]
    unchanged: int
    failed: Sequence[tuple[VendorToken, SealError]]


async def add_token(connection: AsyncConnection, keys: MasterKeys, new: NewToken, now: datetime) -> VendorToken:
    """
    Store a token.

    Args:
        connection: That of a transaction.
        keys: The master keys.
        new: The token.
        now: The present moment.

    Raises:
        TokenExistsError: The provider has a token with this label, or the same token.
        DatabaseError: The database cannot be used.
    """
    await raise_version(connection, TOKENS)  # others who change tokens wait here
    others = await load_tokens(connection, new.provider)
    if any(other.token.label == new.label for other in others):
        raise TokenExistsError(
            f"{new.provider} has a token {new.label!r} already.",
            hint="Rotate it, or store another beside it with a label of its own.",
        )
    _check_difference(others, keys, new.provider, new.token)
    token_id, moment = f"{PREFIX}{new_id()}", now.timestamp()
    values = {"id": token_id, "provider": new.provider, "label": new.label, "created": moment}
    values |= _seal(token_id, new.provider, new.token, keys, moment)
    await connection.execute(insert(VENDOR_TOKENS).values(values))
    return (await _load(connection, token_id)).token


async def replace_token(
    connection: AsyncConnection, keys: MasterKeys, token_id: str, secret: SecretStr, now: datetime
) -> VendorToken:
    """
    Replace the text of a token by a new one. Its id, provider and label stay.

    Args:
        connection: That of a transaction.
        keys: The master keys.
        token_id: The id of the token.
        secret: The new text.
        now: The present moment.

    Raises:
        TokenNotFoundError: There is no such token.
        TokenExistsError: It is the same token as before, or as another of the provider.
        TokenError: The text is a part of the label, which is shown.
        DatabaseError: The database cannot be used.
    """
    await raise_version(connection, TOKENS)
    token = (await _load(connection, token_id)).token
    if is_shown_by(secret, token.name):
        raise TokenError("The token must not be a part of its names, which are shown.")
    _check_difference(await load_tokens(connection, token.provider), keys, token.provider, secret)
    values = _seal(token_id, token.provider, secret, keys, now.timestamp())
    await connection.execute(update(VENDOR_TOKENS).where(VENDOR_TOKENS.c.id == token_id).values(values))
    return (await _load(connection, token_id)).token


async def remove_token(connection: AsyncConnection, token_id: str) -> VendorToken:
    """
    Remove a token with its sealed text, and return what described it.

    Raises:
        TokenNotFoundError: There is no such token.
        DatabaseError: The database cannot be used.
    """
    await raise_version(connection, TOKENS)
    token = (await _load(connection, token_id)).token
    await connection.execute(delete(VENDOR_TOKENS).where(VENDOR_TOKENS.c.id == token_id))
    return token


async def rewrap_tokens(connection: AsyncConnection, keys: MasterKeys) -> Rewrapped:
    """
    Seal all tokens with the newest master key. Those that cannot be opened stay as they are.

    Raises:
        DatabaseError: The database cannot be used.
    """
    await raise_version(connection, TOKENS)
    changed: list[VendorToken] = []
    failed: list[tuple[VendorToken, SealError]] = []
    stored = await load_tokens(connection)
    for each in stored:
        if each.sealed.key_id == keys.current.id:
            continue
        try:
            secret = each.open(keys)
        except SealError as error:
            failed.append((each.token, error))
            continue
        values = _to_columns(_seal_text(each.token.id, each.token.provider, secret, keys))
        await connection.execute(update(VENDOR_TOKENS).where(VENDOR_TOKENS.c.id == each.token.id).values(values))
        changed.append(each.token.model_copy(update={"key_id": keys.current.id}))
    return Rewrapped(changed, len(stored) - len(changed) - len(failed), failed)


async def load_tokens(connection: AsyncConnection, provider: str | None = None) -> list[StoredToken]:
    """Return the tokens with their sealed texts, or those of one provider, in the order of provider and label."""
    query = select(VENDOR_TOKENS).order_by(VENDOR_TOKENS.c.provider, VENDOR_TOKENS.c.label)
    if provider is not None:
        query = query.where(VENDOR_TOKENS.c.provider == normalise(provider))
    return await _fetch(connection, query)


async def list_tokens(
    connection: AsyncConnection,
    *,
    provider: str | None = None,
    after: tuple[float, str] | None = None,
    limit: int | None = None,
) -> list[StoredToken]:
    """
    List tokens, the newest first.

    Args:
        connection: That of a transaction.
        provider: Only those of this provider.
        after: When the last one of the page before was created, in seconds since 1970, and its id.
        limit: The maximum number.
    """
    query = select(VENDOR_TOKENS).order_by(*_ORDER).limit(limit)
    if provider is not None:
        query = query.where(VENDOR_TOKENS.c.provider == normalise(provider))
    if after is not None:
        query = query.where(tuple_(VENDOR_TOKENS.c.created, VENDOR_TOKENS.c.id) < after)
    return await _fetch(connection, query)


async def load_token(connection: AsyncConnection, token_id: str) -> StoredToken:
    """
    Return a token.

    Raises:
        TokenNotFoundError: There is no such token.
    """
    return await _load(connection, token_id)


async def find_token(connection: AsyncConnection, text: str) -> StoredToken:
    """
    Return a token by its id, by ``provider/label``, or by its provider if that has no other.

    Raises:
        TokenNotFoundError: There is none, or the provider has several.
    """
    provider, _, label = text.partition("/")
    matching = [
        each
        for each in await load_tokens(connection)
        if each.token.id == text or (each.token.provider == normalise(provider) and label in ("", each.token.label))
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(each.token.name for each in matching)
        raise TokenNotFoundError(f"{matching[0].token.provider} has several tokens.", hint=f"Name one: {names}.")
    raise TokenNotFoundError(
        "The server has no token with this id or name.", hint="`budwood server tokens list` shows them."
    )


async def count_by_key(connection: AsyncConnection) -> dict[str, int]:
    """Return the number of tokens and of secrets of webhooks that each master key seals, by the id of the key."""
    counts: Counter[str] = Counter()
    for table in (VENDOR_TOKENS, WEBHOOK_SECRETS):
        query = select(table.c.key_id, func.count()).group_by(table.c.key_id)
        for key_id, count in await connection.execute(query):
            counts[key_id] += count
    return dict(counts)


def _check_difference(others: Iterable[StoredToken], keys: MasterKeys, provider: str, secret: SecretStr) -> None:
    """Check that a provider does not have the same token. Those that cannot be opened are not compared."""
    for other in others:
        try:
            is_same = other.open(keys) == secret
        except SealError:
            continue
        if is_same:
            raise TokenExistsError(f"{provider} has the same token as {other.token.label!r}.", hint="Pass another one.")


def _seal(token_id: str, provider: str, secret: SecretStr, keys: MasterKeys, moment: float) -> dict[str, Any]:
    """Return the columns that change with the text of a token."""
    sealed = _seal_text(token_id, provider, secret, keys)
    return {**_to_columns(sealed), "ending": find_ending(secret.get_secret_value()), "changed": moment}


def _seal_text(token_id: str, provider: str, secret: SecretStr, keys: MasterKeys) -> SealedText:
    return seal(secret.get_secret_value(), keys.current, *_find_place(token_id, provider))


def _find_place(token_id: str, provider: str) -> tuple[str, ...]:
    """Return where a token belongs. With the provider, so that no change of its row sends it elsewhere."""
    return token_id, COLUMN, provider


def _to_columns(sealed: SealedText) -> dict[str, Any]:
    return {"key_id": sealed.key_id, "version": sealed.version, "nonce": sealed.nonce, COLUMN: sealed.ciphertext}


async def _load(connection: AsyncConnection, token_id: str) -> StoredToken:
    found = await _fetch(connection, select(VENDOR_TOKENS).where(VENDOR_TOKENS.c.id == token_id))
    if not found:
        raise TokenNotFoundError("The server has no token with this id.", hint="GET /api/tokens lists them.")
    return found[0]


async def _fetch(connection: AsyncConnection, query: Select[Any]) -> list[StoredToken]:
    return [_to_token(row) for row in await connection.execute(query)]


def _to_token(row: Row[Any]) -> StoredToken:
    token = VendorToken(
        id=row.id,
        provider=row.provider,
        label=row.label,
        ending=row.ending,
        key_id=row.key_id,
        created=from_seconds(row.created),
        changed=from_seconds(row.changed),
    )
    return StoredToken(token, SealedText(row.key_id, row.version, row.nonce, row.ciphertext))
