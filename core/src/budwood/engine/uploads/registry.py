"""Which content a vendor stores already, in memory and in the user's data folder."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood import logs
from budwood.engine.drivers.latch import Latch
from budwood.providing.sqlite import SharedFile, enable_wal
from budwood.settings import user_folder

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_NAME: Final = "uploads.sqlite3"

EXPIRY_MARGIN: Final = 600.0
"""How long before its expiry a file is not used any more, so that it does not expire in flight: ten minutes."""

MAX_IN_MEMORY: Final = 10_000

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS uploads (
        content TEXT NOT NULL,
        account TEXT NOT NULL,
        file TEXT NOT NULL,
        expires REAL,
        PRIMARY KEY (content, account)
    ) WITHOUT ROWID
"""


class Place(NamedTuple):
    """
    Some content at one account of a vendor.

    Attributes:
        content: The hash of the content, and its media type.
        account: The identity of the endpoint, and the group of its key.
    """

    content: str
    account: str


class StoredFile(NamedTuple):
    """The id of a file that a vendor stores, and when it expires, in seconds since 1970."""

    id: str
    expires: float | None

    def is_valid(self, now: float) -> bool:
        """Tell whether the vendor still has it for a while."""
        return self.expires is None or now < self.expires - EXPIRY_MARGIN


class UploadRegistry:
    """
    Remembers uploads. Safe to use from several threads and processes.

    If the file cannot be used, the uploads of this process are remembered.

    Args:
        path: The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._file = SharedFile(path, _prepare, "uploads", _log)
        self._known: dict[Place, StoredFile] = {}
        self._under_way: dict[Place, Latch] = {}
        self._lock = threading.Lock()

    def find(self, place: Place, now: float) -> StoredFile | None:
        """Return the file with some content; None if there is none, or if it expires soon."""
        found = self._known.get(place)
        if found is None:
            row = self._use(
                lambda connection: connection.execute(
                    "SELECT file, expires FROM uploads WHERE content = ? AND account = ?", place
                ).fetchone()
            )
            found = None if row is None else StoredFile(*row)  # type: ignore[misc]
        if found is None or not found.is_valid(now):
            return None
        self._remember(place, found)
        return found

    def add(self, place: Place, file: StoredFile, now: float) -> None:
        """Remember a file, and forget those that have expired."""

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("DELETE FROM uploads WHERE expires < ?", (now,))
                connection.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", (*place, *file))

        self._remember(place, file)
        self._use(write)

    def forget(self, place: Place, file_id: str) -> None:
        """Forget a file that the vendor does not have any more, unless another one has replaced it."""
        known = self._known.get(place)
        if known is not None and known.id == file_id:
            self._known.pop(place, None)
        self._use(
            lambda connection: connection.execute(
                "DELETE FROM uploads WHERE content = ? AND account = ? AND file = ?", (*place, file_id)
            )
        )

    def join(self, place: Place) -> Latch | None:
        """Start an upload, and return None; or return what is set when the one under way has ended."""
        with self._lock:
            latch = self._under_way.get(place)
            if latch is None:
                self._under_way[place] = Latch()
            return latch

    def leave(self, place: Place) -> None:
        """End an upload."""
        with self._lock:
            latch = self._under_way.pop(place, None)
        if latch is not None:
            latch.set()

    def after_fork(self) -> None:
        """Forget the uploads that threads of the parent process have under way."""
        self._lock = threading.Lock()
        self._under_way = {}

    def _remember(self, place: Place, file: StoredFile) -> None:
        if len(self._known) >= MAX_IN_MEMORY:
            self._known.clear()
        self._known[place] = file

    def _use(self, work: Callable[[sqlite3.Connection], object]) -> object:
        try:
            return self._file.use(work)
        except OSError as error:
            logs.emit("uploads not remembered", level="warning", error=str(error))
            return None


_registries: dict[Path, UploadRegistry] = {}


def find_registry() -> UploadRegistry:
    """Return the registry in the user's data folder, which all clients of the process share."""
    path = user_folder("data") / FILE_NAME
    registry = _registries.get(path)
    return _registries.setdefault(path, UploadRegistry(path)) if registry is None else registry


def _after_fork() -> None:
    for registry in _registries.values():
        registry.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _log(event: str, **fields: object) -> None:
    logs.emit(event, level="warning", **{name: value for name, value in fields.items() if name != "level"})


def _prepare(connection: sqlite3.Connection) -> None:
    enable_wal(connection)
    connection.execute(_TABLE)
