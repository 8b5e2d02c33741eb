"""The table of API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, RowMapping, Select, Text, and_, bindparam, cast, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood.errors import BudwoodError
from budwood_server.access.keys import ADMIN, ApiKey, KeyPolicy
from budwood_server.access.tokens import Token, format_token, hash_secret, new_id, new_secret, parse_token
from budwood_server.api_models.moments import from_seconds
from budwood_server.database import KEYS, Database, raise_version
from budwood_server.database.tables import API_KEYS
from budwood_server.database.versions import read_versions
from budwood_server.people.audit import record
from budwood_server.people.principals import COMMAND, Principal

SETTINGS: Final = "settings"
FIRST_START: Final = "first start"
"""Sources of keys: the settings contain them, or the server created them when it had none."""

FIELDS: Final = [API_KEYS.c[name] for name in ApiKey.model_fields]
"""The columns of a key, without the hashes of its secrets."""

_MOMENTS: Final = ("created", "expires", "revoked", "last_used", "old_secret_expires")
"""Fields that the table has as seconds since 1970."""

_NO_OLD_SECRET: Final[Mapping[str, Any]] = {"old_secret_hash": None, "old_secret_expires": None}


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class KeyNotFoundError(BudwoodError):
    """No API key of the server has this id or name."""


class GivenKeyError(BudwoodError):
    """The settings contain the API key, so that no command can change it."""


class KeyRevokedError(BudwoodError):
    """The API key of the server was revoked, which is final."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """
    A key whose secret is new.

    Attributes:
        key: The key.
        token: The text that clients send. It cannot be read again.
    """

    key: ApiKey
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """
    A key with the hashes of its secrets.

    Attributes:
        key: The key.
        secret_hash: The SHA-256 of its secret.
        old_secret_hash: That of the secret before the last rotation, or None.
    """

    key: ApiKey
    secret_hash: bytes = field(repr=False)
    old_secret_hash: bytes | None = field(default=None, repr=False)


class KeyStore:
    """
    Creates, lists, revokes and rotates keys. Each change raises the version of the keys, which servers notice.

    All methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
        now: Returns the present moment.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    async def create(
        self,
        policy: KeyPolicy,
        *,
        source: str = "command",
        principal: Principal = COMMAND,
        transaction: AsyncConnection | None = None,
    ) -> NewKey:
        """
        Create a key with a random secret.

        Args:
            policy: What it permits.
            source: What creates it.
            principal: Who creates it, for the audit log.
            transaction: The transaction in which that is done; by default one of its own.
        """
        token = Token(new_id(), new_secret())
        async with self._write(transaction) as connection:
            key = await self._insert(connection, policy, token, source, principal)
        return NewKey(key, format_token(*token))

    async def list(self, *, team: str | None = None, with_revoked: bool = False) -> Sequence[ApiKey]:
        """
        List keys, the newest first.

        Args:
            team: Only those of this team.
            with_revoked: Also those that were revoked.
        """
        query = select(*FIELDS).order_by(API_KEYS.c.created.desc(), API_KEYS.c.id.desc())
        if team is not None:
            query = query.where(API_KEYS.c.team == team)
        if not with_revoked:
            query = query.where(API_KEYS.c.revoked.is_(None))
        async with self._database.read() as connection:
            return [to_key(row) for row in (await connection.execute(query)).mappings()]

    async def load(self, key_id: str) -> StoredKey | None:
        """Return a key by its id, also a revoked one; None if there is none."""
        query = select(*FIELDS, API_KEYS.c.secret_hash, API_KEYS.c.old_secret_hash).where(API_KEYS.c.id == key_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else StoredKey(to_key(row), row["secret_hash"], row["old_secret_hash"])

    async def find(self, text: str) -> ApiKey:
        """
        Return a key, also a revoked one.

        Args:
            text: Its id, its token, or its name if no other key has it.

        Raises:
            KeyNotFoundError: There is none, or several have the name.
        """
        async with self._database.read() as connection:
            return await _find(connection, text)

    async def revoke(
        self, text: str, *, principal: Principal = COMMAND, transaction: AsyncConnection | None = None
    ) -> ApiKey:
        """
        Revoke a key, at once and for good. One that was revoked before stays as it is.

        Args:
            text: Its id, its token, or its name if no other key has it.
            principal: Who revokes it, for the audit log.
            transaction: The transaction in which that is done; by default one of its own.

        Raises:
            KeyNotFoundError: There is none, or several have the name.
        """
        async with self._write(transaction) as connection:
            key = await _find(connection, text)
            if key.revoked is not None:
                return key
            return await self._revoke(connection, key, principal)

    async def rotate(
        self,
        text: str,
        *,
        overlap: float = 0.0,
        principal: Principal = COMMAND,
        transaction: AsyncConnection | None = None,
    ) -> NewKey:
        """
        Give a key a new secret. Its id, and all that it owns and permits, stay.

        Args:
            text: Its id, its token, or its name if no other key has it.
            overlap: Seconds for which the present secret is accepted, too. An older one ends at once.
            principal: Who rotates it, for the audit log.
            transaction: The transaction in which that is done; by default one of its own.

        Raises:
            KeyNotFoundError: There is none, or several have the name.
            GivenKeyError: The settings contain it.
            KeyRevokedError: It was revoked.
        """
        secret = new_secret()
        async with self._write(transaction) as connection:
            key = await _find(connection, text)
            _check_rotation(key)
            old: Mapping[str, Any] = _NO_OLD_SECRET
            now = self._now()
            if overlap > 0:
                ends = now + timedelta(seconds=overlap)
                old = {"old_secret_hash": API_KEYS.c.secret_hash, "old_secret_expires": ends}
            changed = await self._change(connection, key, secret_hash=hash_secret(secret), **old)
            details = {"name": key.name, "overlap": overlap}
            await record(connection, principal, "key.rotate", key.id, details, at=now.timestamp())
        return NewKey(changed, format_token(key.id, secret))

    async def save_last_used(self, moments: Mapping[str, float]) -> None:
        """Store when keys were used last, in seconds since 1970, by their ids. It raises no version."""
        if not moments:
            return
        moment: BindParameter[float] = bindparam("moment")
        statement = (
            update(API_KEYS)
            .where(API_KEYS.c.id == bindparam("key_id"))
            .where(or_(API_KEYS.c.last_used.is_(None), API_KEYS.c.last_used < moment))
            .values(last_used=moment)
        )
        # In one order, so that two workers do not wait for each other.
        rows = [{"key_id": key_id, "moment": moments[key_id]} for key_id in sorted(moments)]
        async with self._database.write() as connection:
            await connection.execute(statement, rows)

    async def read_version(self) -> int:
        """Return the version of the keys, which each change raises."""
        async with self._database.read() as connection:
            return (await read_versions(connection))[KEYS]

    async def list_changed(self, after: int) -> Sequence[str]:
        """Return the ids of keys that were changed after a version."""
        async with self._database.read() as connection:
            return (await connection.execute(select(API_KEYS.c.id).where(API_KEYS.c.version > after))).scalars().all()

    async def create_first(self, policy: KeyPolicy) -> NewKey | None:
        """Create a key unless there is or was one with the scope admin. Of several processes, one creates it."""
        query = select(API_KEYS.c.id).where(cast(API_KEYS.c.scopes, Text).contains(f'"{ADMIN}"')).limit(1)
        async with self._database.read() as connection:
            if (await connection.execute(query)).first():
                return None
        token = Token(new_id(), new_secret())
        async with self._database.write() as connection:
            await raise_version(connection, KEYS)  # other processes wait here, and then see the key
            if (await connection.execute(query)).first():
                return None
            key = await self._insert(connection, policy, token, FIRST_START, COMMAND)
        return NewKey(key, format_token(*token))

    async def set_given(self, policy: KeyPolicy, token: Token) -> ApiKey:
        """
        Create the key that the settings contain, if it is new, and revoke those that they contained before.

        Raises:
            KeyRevokedError: It was revoked.
        """
        query = select(*FIELDS).where(
            or_(API_KEYS.c.id == token.key_id, and_(API_KEYS.c.source == SETTINGS, API_KEYS.c.revoked.is_(None)))
        )
        async with self._database.read() as connection:
            keys = await _fetch(connection, query)
        if len(keys) == 1 and keys[0].id == token.key_id and keys[0].revoked is None:
            return keys[0]
        async with self._database.write() as connection:
            await raise_version(connection, KEYS)  # other processes wait here, and then see the key
            keys = await _fetch(connection, query)
            known = next((key for key in keys if key.id == token.key_id), None)
            if known is not None and known.revoked is not None:
                hint = "Set `admin_key` in [server] to another key."
                raise KeyRevokedError("The key in the settings was revoked.", hint=hint)
            for key in keys:
                if key.id != token.key_id:
                    await self._revoke(connection, key, COMMAND)
            return known or await self._insert(connection, policy, token, SETTINGS, COMMAND)

    @asynccontextmanager
    async def _write(self, transaction: AsyncConnection | None) -> AsyncIterator[AsyncConnection]:
        """Yield a transaction, or open one."""
        if transaction is not None:
            yield transaction
        else:
            async with self._database.write() as connection:
                yield connection

    async def _insert(
        self, connection: AsyncConnection, policy: KeyPolicy, token: Token, source: str, principal: Principal
    ) -> ApiKey:
        """Insert a new key, and record that in the audit log."""
        version = await raise_version(connection, KEYS)
        fields = dict(policy) | {"id": token.key_id, "source": source, "created": self._now(), "version": version}
        key = ApiKey.model_validate(fields)
        await connection.execute(insert(API_KEYS).values(_to_values(key) | {"secret_hash": hash_secret(token.secret)}))
        details = {"name": key.name, "team": key.team, "scopes": sorted(key.scopes)}
        await record(connection, principal, "key.create", key.id, details, at=key.created.timestamp())
        return key

    async def _revoke(self, connection: AsyncConnection, key: ApiKey, principal: Principal) -> ApiKey:
        """Revoke a key, and record that in the audit log."""
        now = self._now()
        await record(connection, principal, "key.revoke", key.id, {"name": key.name}, at=now.timestamp())
        return await self._change(connection, key, revoked=now, **_NO_OLD_SECRET)

    async def _change(self, connection: AsyncConnection, key: ApiKey, **values: Any) -> ApiKey:  # noqa: ANN401 - of columns
        changes = values | {"version": await raise_version(connection, KEYS)}
        changed = key.model_copy(update={name: changes[name] for name in changes if name in ApiKey.model_fields})
        values = {name: _to_value(name, value) for name, value in changes.items()}
        await connection.execute(update(API_KEYS).where(API_KEYS.c.id == key.id).values(values))
        return changed


def _check_rotation(key: ApiKey) -> None:
    if key.revoked is not None:
        raise KeyRevokedError(f"The key {key.id} ({key.name}) was revoked.", hint="Create another key.")
    if key.source == SETTINGS:
        raise GivenKeyError(f"The key {key.id} is set in the settings.", hint="Change `admin_key` in [server].")


async def _find(connection: AsyncConnection, text: str) -> ApiKey:
    """
    Return the key with an id, a token or a name. Of keys with one name, those that were not revoked count.

    Raises:
        KeyNotFoundError: There is none, or several have the name.
    """
    token = parse_token(text)
    ids = (text, token.key_id) if token else (text,)
    rows = await _fetch(connection, select(*FIELDS).where(API_KEYS.c.id.in_(ids)))
    if not rows:
        rows = await _fetch(
            connection, select(*FIELDS).where(API_KEYS.c.name == text, API_KEYS.c.revoked.is_(None)).limit(2)
        )
    if len(rows) == 1:
        return rows[0]
    what = f"Several keys have the name {text!r}" if rows else "No key has this id or name"
    raise KeyNotFoundError(f"{what}.", hint="`budwood server keys list` shows the ids.")


async def _fetch(connection: AsyncConnection, query: Select[Any]) -> Sequence[ApiKey]:
    return [to_key(row) for row in (await connection.execute(query)).mappings()]


def to_key(row: RowMapping) -> ApiKey:
    """Return the key of a row with `FIELDS`."""
    fields = {name: row[name] for name in ApiKey.model_fields}
    return ApiKey.model_validate(fields | {name: from_seconds(fields[name]) for name in _MOMENTS})


def _to_values(key: ApiKey) -> dict[str, Any]:
    fields = key.model_dump(mode="json", exclude={*_MOMENTS})
    return fields | {name: _to_value(name, getattr(key, name)) for name in _MOMENTS}


def _to_value(name: str, value: Any) -> Any:  # noqa: ANN401 - of columns
    return value.timestamp() if name in _MOMENTS and value is not None else value
