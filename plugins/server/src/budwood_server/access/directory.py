"""The keys that a worker knows, in memory."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Final

from budwood.logs import emit
from budwood_server.access.key_store import KeyStore, StoredKey
from budwood_server.access.keys import ApiKey
from budwood_server.access.tokens import hash_secret, parse_token
from budwood_server.database import KEYS, Database, DatabaseError, VersionWatch
from budwood_server.database.bounded import BoundedDict
from budwood_server.web.problems import Problem, ProblemError

CAPACITY: Final = 10_000
"""The keys, and the unknown ids, that are kept in memory; more are read from the database again."""

LOADS: Final = 4
"""The keys that are read from the database at the same time."""

LAST_USED_SECONDS: Final = 60.0
"""The time between two writes of when keys were used."""

_NO_HASH: Final = bytes(32)
_HINT: Final = "Ask for another key: `budwood server keys create` creates one."


class _Entry:
    """A key, its hashes, and the seconds since 1970 of its ends. Without a key, it stands for unknown ids."""

    __slots__ = ("ends", "key", "old_hash", "old_hash_ends", "used", "valid_hash")

    def __init__(self, stored: StoredKey | None = None) -> None:
        key = self.key = None if stored is None else stored.key
        self.valid_hash = _NO_HASH if stored is None else stored.secret_hash
        self.old_hash = (stored.old_secret_hash if stored else None) or _NO_HASH
        self.old_hash_ends = key.old_secret_expires.timestamp() if key and key.old_secret_expires else 0.0
        self.ends = key.expires.timestamp() if key and key.expires else math.inf
        if key and key.revoked:
            self.ends = 0.0
        self.used = 0.0

    def accepts(self, digest: bytes, now: float) -> bool:
        """Tell whether a hash is that of the secret, in a time that does not depend on the hash."""
        is_current = compare_digest(digest, self.valid_hash)
        is_old = compare_digest(digest, self.old_hash) and now < self.old_hash_ends
        return self.key is not None and (is_current or is_old)


_UNKNOWN: Final = _Entry()


class KeyDirectory:
    """
    Finds the key of a token.

    Keys are read from the database at their first use, so that a start is quick with any number of them, and are kept
    in memory until they change. A key that was revoked or rotated is read again as soon as the watch notices it.

    Args:
        database: The database.
        now: Returns the seconds since 1970.
        capacity: The keys, and the unknown ids, that are kept in memory.

    Attributes:
        store: Creates, lists, revokes and rotates keys.
    """

    def __init__(self, database: Database, *, now: Callable[[], float] = time.time, capacity: int = CAPACITY) -> None:
        self.store = KeyStore(database, now=lambda: datetime.fromtimestamp(now(), UTC))
        self._now = now
        self._entries: BoundedDict[str, _Entry] = BoundedDict(capacity)
        self._unknown: BoundedDict[str, None] = BoundedDict(capacity)
        self._loads: dict[str, asyncio.Task[_Entry]] = {}
        self._load_slots = asyncio.Semaphore(LOADS)
        self._version = 0
        self._refreshes = 0
        self._used: dict[str, float] = {}
        self._writer: asyncio.Task[None] | None = None

    async def start(self, watch: VersionWatch) -> None:
        """Notice changes of keys from now on, and write when keys were used. Call it before the start of the watch."""
        watch.subscribe(KEYS, self.refresh)
        self._version = await self.store.read_version()
        self._writer = asyncio.create_task(self._write_last_used(), name="budwood-last-used")

    async def find(self, token: str) -> ApiKey | None:
        """
        Return the key of a token; None if there is none.

        Raises:
            ProblemError: 401: it was revoked or has expired.
            DatabaseError: The key is not in memory, and the database cannot be used.
        """
        if (parsed := parse_token(token)) is None:
            return None
        key_id, secret = parsed
        digest = hash_secret(secret)
        entry = self._entries.get(key_id)
        if entry is None:
            entry = _UNKNOWN if key_id in self._unknown else await self._load(key_id)
        now = self._now()
        if not entry.accepts(digest, now) or (key := entry.key) is None:
            return None
        if now >= entry.ends:
            raise _refuse("The API key has expired." if key.revoked is None else "The API key was revoked.")
        if now - entry.used > LAST_USED_SECONDS:
            entry.used = self._used[key_id] = now
        return key

    async def refresh(self) -> None:
        """
        Forget keys that were changed since the last time.

        Raises:
            DatabaseError: The database cannot be used. Nothing was forgotten.
        """
        version = await self.store.read_version()
        is_older = version < self._version  # a backup was restored
        changed = [*self._entries, *self._unknown] if is_older else await self.store.list_changed(self._version)
        self._refreshes += 1
        for key_id in changed:
            self._entries.pop(key_id, None)
            self._unknown.pop(key_id, None)
        self._version = version

    async def save_last_used(self) -> None:
        """
        Write when keys were used.

        Raises:
            DatabaseError: The database cannot be used. The next call writes them.
        """
        used, self._used = self._used, {}
        try:
            await self.store.save_last_used(used)
        except DatabaseError:
            self._used = used | self._used
            raise

    async def close(self) -> None:
        """Write when keys were used, and stop."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
            self._writer = None
        with contextlib.suppress(DatabaseError):
            await self.save_last_used()

    async def _load(self, key_id: str) -> _Entry:
        """Read a key once for all requests that wait for it; one that is cancelled does not disturb the others."""
        if (task := self._loads.get(key_id)) is None:
            task = self._loads[key_id] = asyncio.create_task(self._read(key_id))
            task.add_done_callback(lambda _: self._loads.pop(key_id, None))
        return await asyncio.shield(task)

    async def _read(self, key_id: str) -> _Entry:
        async with self._load_slots:
            while True:
                refreshes = self._refreshes
                stored = await self.store.load(key_id)
                if refreshes == self._refreshes:  # else it may have been read before a change that was noticed since
                    break
        if stored is None:
            self._unknown[key_id] = None
            return _UNKNOWN
        entry = self._entries[key_id] = _Entry(stored)
        return entry

    async def _write_last_used(self) -> None:
        while True:
            await asyncio.sleep(LAST_USED_SECONDS)
            try:
                await self.save_last_used()
            except DatabaseError as error:
                emit("last use of keys not written", level="warning", error=str(error))


def _refuse(message: str) -> ProblemError:
    return ProblemError(
        Problem(
            status=401,
            message=message,
            type="authentication_error",
            code="invalid_api_key",
            hint=_HINT,
            headers={"www-authenticate": "Bearer"},
        )
    )
