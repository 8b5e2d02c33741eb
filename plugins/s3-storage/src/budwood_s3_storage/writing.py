"""Storing the parts of a run."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from budwood.errors import ConfigurationError
from budwood.types import Dataset, Row
from budwood_s3_storage.errors import S3StorageError
from budwood_s3_storage.finishing import PartSelection
from budwood_s3_storage.manifest import INDEXES, IndexedPart, Manifest, Part, decode_index, sort_parts
from budwood_s3_storage.parts import Line, NewPart, format_batch, make_part, match_stored, split_lines
from budwood_s3_storage.reading import read_part
from budwood_s3_storage.store import CONNECTIONS, ObjectStore


class PartWriter:
    """
    Stores the parts of one run, and knows those that are stored.

    Attributes:
        dataset: The dataset.
        exclusive: Whether the server can create an object only if it does not exist.
        parts: The parts that are known to be stored, by key. In memory they take 16 bytes a row.

    Args:
        store: The objects.
        dataset: The dataset.
        parts: The parts that are known to be stored, by key.
        exclusive: Whether the server can create an object only if it does not exist.
    """

    def __init__(self, store: ObjectStore, dataset: Dataset, parts: dict[str, IndexedPart], *, exclusive: bool) -> None:
        self.dataset = dataset
        self.exclusive = exclusive
        self._store = store
        self.parts = parts

    def put(self, rows: Iterable[Row]) -> None:
        """Store a batch, as several parts if it is large."""
        for lines in split_lines(format_batch(rows)):
            self._put_lines(lines)

    def select(self, rows: Iterable[Row], manifest: Manifest) -> tuple[int, tuple[Part, ...]]:
        """
        Find the parts with exactly these rows; store what is missing, and again what is outdated in part.

        Args:
            rows: All rows of the dataset in the order of their indexes.
            manifest: The present manifest. Its parts are preferred.

        Returns:
            The number of rows, and the parts.
        """
        self._find_stored()
        listed = {part.key for part in manifest.parts}
        known = sorted(self.parts.values(), key=lambda indexed: (indexed.part.key not in listed, indexed.part.key))
        added: list[Part] = []
        selection = PartSelection(known, lambda lines: added.append(self._put_lines(lines)))
        selection.compare(rows)
        for indexed, outdated in selection.mixed():
            lines = [line for line in read_part(self._store, indexed.part) if line[0] not in outdated]
            added.append(self._put_lines(lines))
        chosen = {part.key: part for part in (*(indexed.part for indexed in selection.complete()), *added)}
        return selection.rows, sort_parts(list(chosen.values()))

    def _put_lines(self, lines: list[Line]) -> Part:
        new = make_part(self.dataset.run, self.dataset.writer, lines)
        key = new.indexed.part.key
        if key not in self.parts:
            part = self._store_body(new)
            indexed = IndexedPart(part, new.indexed.indexes, new.indexed.digests)
            self._store.put(index_key(key), indexed.encode())  # last: a part without it does not count
            self.parts[key] = indexed
        return self.parts[key].part

    def _store_body(self, new: NewPart) -> Part:
        """Store the object of a part. If it exists, it is ours only if it has the same content."""
        part = new.indexed.part
        if not self.exclusive:
            self._store.put(part.key, new.body)
            return part
        if self._store.create(part.key, new.body):
            return part
        stored = self._store.get(part.key)
        matching = None if stored is None else match_stored(part, stored)
        if matching is None:
            raise ConfigurationError(
                f"{self._store.url(part.key)} exists with other content.",
                hint="Another program writes there, or the object is damaged: resume the run with another output.",
            )
        return matching

    def _find_stored(self) -> None:
        """Read the descriptions of parts that other processes of this run stored."""
        prefix = f"{INDEXES}{self.dataset.run}."
        known = {index_key(key) for key in self.parts}
        missing = [key for key in self._store.list_keys(prefix) if key not in known]
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            for indexed in threads.map(self._read_index, missing):
                self.parts[indexed.part.key] = indexed

    def _read_index(self, key: str) -> IndexedPart:
        body = self._store.get(key)
        if body is None:
            raise S3StorageError(f"{self._store.url(key)} was deleted.", hint="Resume the run.")
        try:
            return decode_index(body)
        except ValueError as error:
            raise ConfigurationError(
                f"{self._store.url(key)} is damaged.", hint="Delete this object, and resume the run."
            ) from error


def index_key(key: str) -> str:
    """Return the key of the description of a part."""
    name = key.rpartition("/")[2].removesuffix(".jsonl.gz")
    return f"{INDEXES}{name}.json"
