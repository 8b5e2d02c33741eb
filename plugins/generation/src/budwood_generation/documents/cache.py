"""A cache of the passages of documents, by content, which the processes of a user share."""

from __future__ import annotations

import errno
import sqlite3
import sys
import time
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

from pydantic_core import from_json, to_json

from budwood import logs
from budwood.contracts import EmitLog
from budwood.providing.sqlite import DamagedError, SharedFile, enable_wal
from budwood_generation.documents.passages import Passage

T = TypeVar("T")

SIZE_LIMIT: Final = 1024**3
"""Bytes of compressed passages above which the least recently used documents are removed."""

_FORMAT: Final = 1
_BLOCK_CHARS: Final = 16_384
"""Characters that are compressed together, and decompressed to read one passage."""
_TOUCH_SECONDS: Final = 24 * 3600.0
"""The time of the last use is exact to this, so that most reads write nothing."""

_TABLES: Final = (
    """
    CREATE TABLE IF NOT EXISTS documents (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        used REAL NOT NULL,
        summary BLOB NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS documents_by_use ON documents (used, size)",
    """
    CREATE TABLE IF NOT EXISTS blocks (
        document INTEGER NOT NULL,
        start INTEGER NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (document, start)
    ) WITHOUT ROWID
    """,
)
_FIND: Final = "SELECT summary, used FROM documents WHERE key = ?"
_LOAD: Final = "SELECT content FROM blocks WHERE document = (SELECT id FROM documents WHERE key = ?) AND start = ?"


@dataclass(frozen=True, slots=True)
class Summary:
    """
    What is known of a document without reading its passages.

    Attributes:
        chars: Number of characters of each passage.
        sentences: Number of sentences of each passage.
        starts: Number of the first passage of each block.
        problems: What could not be read of the document.
    """

    chars: array[int]
    sentences: array[int]
    starts: array[int]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive passages, which are compressed together; ``start`` is the number of the first one in the document."""

    start: int
    passages: Sequence[Passage]


def make_key(digest: str, kind: str, parser: str, passage_chars: int, code: str) -> bytes:
    """Return the key of a document: a hash of all that determines its passages, whatever its path."""
    identity = [_FORMAT, sys.byteorder, array("I").itemsize, digest, kind, parser, passage_chars, code]
    return sha256(to_json(identity)).digest()


def summarize(passages: Sequence[Passage], problems: Iterable[str] = ()) -> Summary:
    """Return the summary of a document."""
    chars = array("I", (len(passage.text) for passage in passages))
    sentences = array("I", (passage.sentences for passage in passages))
    starts = array("I")
    size = _BLOCK_CHARS
    for number, length in enumerate(chars):
        if size >= _BLOCK_CHARS:
            starts.append(number)
            size = 0
        size += length
    return Summary(chars, sentences, starts, tuple(problems))


class PassageCache:
    """
    Stores the passages of documents in an SQLite file. Thread-safe, and safe for several processes.

    A damaged file is replaced by a new one. If the file cannot be used, for example on a full disk, passages are kept
    in memory, compressed.

    Args:
        path: The file. It is created on first use.
        log: Receives an event if the file is damaged or cannot be used.
        size_limit: Bytes above which the least recently used documents are removed, but none that this object used.
    """

    def __init__(self, path: Path, log: EmitLog | None = None, *, size_limit: int = SIZE_LIMIT) -> None:
        self._log: EmitLog = log or partial(logs.emit, cache="documents")
        self._file = SharedFile(path, _prepare, "cache of documents", self._log)
        self._size_limit = size_limit
        self._used: set[bytes] = set()
        self._memory: dict[bytes, tuple[Summary, dict[int, bytes]]] | None = None

    def find(self, key: bytes) -> Summary | None:
        """Return the summary of a document, or None if it is not cached."""
        self._used.add(key)
        if self._memory is not None:
            return self._memory[key][0] if key in self._memory else None
        now = time.time()

        def read(connection: sqlite3.Connection) -> Summary | None:
            row = connection.execute(_FIND, (key,)).fetchone()
            if row is None:
                return None
            if row[1] < now - _TOUCH_SECONDS:
                connection.execute("UPDATE documents SET used = ? WHERE key = ?", (now, key))
            return _decode_summary(row[0])

        return self._use(read)

    def add(self, documents: Iterable[tuple[bytes, Summary, Sequence[Passage]]]) -> None:
        """Store documents with their passages, in one transaction."""
        encoded = [
            (key, summary, dict(_encode_blocks(summary.starts, passages))) for key, summary, passages in documents
        ]
        self._used.update(key for key, _, _ in encoded)
        now = time.time()

        def write(connection: sqlite3.Connection) -> bool:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for key, summary, blocks in encoded:
                    _insert(connection, key, summary, blocks, now)
                self._evict(connection)
            return True

        if self._memory is None and self._use(write):
            return
        self._memory = self._memory or {}
        self._memory.update((key, (summary, blocks)) for key, summary, blocks in encoded)

    def load(self, key: bytes, start: int) -> Block | None:
        """Return the block of a document that starts with this passage, or None if it is not cached."""
        if self._memory is not None:
            content = self._memory.get(key, (None, {}))[1].get(start)
            return None if content is None else _decode_block(start, content)

        def read(connection: sqlite3.Connection) -> Block | None:
            row = connection.execute(_LOAD, (key, start)).fetchone()
            return None if row is None else _decode_block(start, row[0])

        return self._use(read)

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        self._file.close()

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        try:
            return self._file.use(work)
        except OSError as error:
            self._log("cache of documents not usable", level="warning", reason=str(error))
            self._memory = {}
            return None

    def _evict(self, connection: sqlite3.Connection) -> None:
        (size,) = connection.execute("SELECT total(size) FROM documents").fetchone()
        if size <= self._size_limit:
            return
        rows = connection.execute("SELECT id, key, size FROM documents ORDER BY used").fetchall()
        for identity, key, document_size in rows:
            if size <= self._size_limit:
                return
            if key not in self._used:
                _delete(connection, identity)
                size -= document_size


def _insert(connection: sqlite3.Connection, key: bytes, summary: Summary, blocks: dict[int, bytes], now: float) -> None:
    for (identity,) in connection.execute("SELECT id FROM documents WHERE key = ?", (key,)).fetchall():
        _delete(connection, identity)
    encoded = _encode_summary(summary)
    size = len(encoded) + sum(map(len, blocks.values()))
    cursor = connection.execute(
        "INSERT INTO documents (key, size, used, summary) VALUES (?, ?, ?, ?)", (key, size, now, encoded)
    )
    connection.executemany(
        "INSERT INTO blocks (document, start, content) VALUES (?, ?, ?)",
        [(cursor.lastrowid, start, content) for start, content in blocks.items()],
    )


def _delete(connection: sqlite3.Connection, identity: int) -> None:
    connection.execute("DELETE FROM documents WHERE id = ?", (identity,))
    connection.execute("DELETE FROM blocks WHERE document = ?", (identity,))


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")  # a power failure may lose the last documents
    enable_wal(connection)
    for statement in _TABLES:
        connection.execute(statement)


def _encode_blocks(starts: Sequence[int], passages: Sequence[Passage]) -> Iterable[tuple[int, bytes]]:
    for start, end in pairwise([*starts, len(passages)]):
        values = [[passage.headings, passage.text, passage.sentences] for passage in passages[start:end]]
        yield start, zlib.compress(to_json(values), 1)


def _decode_block(start: int, content: bytes) -> Block:
    """Decode a block. SQLite does not detect changed bytes, but the checksum of zlib does."""
    try:
        values = from_json(zlib.decompress(content))
        return Block(start, [Passage(tuple(headings), text, sentences) for headings, text, sentences in values])
    except (zlib.error, ValueError, TypeError) as error:
        raise DamagedError(errno.EIO, f"A block of passages is damaged: {error}") from error


def _encode_summary(summary: Summary) -> bytes:
    numbers = [part.tobytes().hex() for part in (summary.chars, summary.sentences, summary.starts)]
    return zlib.compress(to_json([numbers, summary.problems]), 1)


def _decode_summary(content: bytes) -> Summary:
    try:
        numbers, problems = from_json(zlib.decompress(content))
        chars, sentences, starts = (array("I", bytes.fromhex(part)) for part in numbers)
        return Summary(chars, sentences, starts, tuple(problems))
    except (zlib.error, ValueError, TypeError) as error:
        raise DamagedError(errno.EIO, f"The summary of a document is damaged: {error}") from error
