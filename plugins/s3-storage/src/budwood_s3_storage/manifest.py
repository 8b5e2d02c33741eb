"""The manifest of a dataset, and the descriptions of its parts."""

from __future__ import annotations

import base64
import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from budwood.types import JSON, Dataset

MANIFEST: Final = "manifest.json"
PARTS: Final = "parts/"
INDEXES: Final = "index/"

Ranges = tuple[tuple[int, int], ...]
"""Indexes of rows as ranges: first and last."""


class Part(BaseModel):
    """
    An object with rows, in the order of their indexes.

    Attributes:
        key: The key of the object, relative to the manifest.
        rows: The number of rows.
        indexes: The indexes of its rows: the first line has the first index.
        size: The number of bytes of the object.
        sha256: The SHA-256 digest of the object, in hexadecimal.
        content_size: The number of bytes without compression.
        content_sha256: The SHA-256 digest of the content without compression.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    rows: int
    indexes: Ranges
    size: int
    sha256: str
    content_size: int
    content_sha256: str

    def iterate_indexes(self) -> Iterator[int]:
        """Yield the index of each line."""
        for first, last in self.indexes:
            yield from range(first, last + 1)

    @property
    def first(self) -> int:
        """The index of the first row."""
        return self.indexes[0][0]

    @property
    def last(self) -> int:
        """The index of the last row."""
        return self.indexes[-1][1]


class Manifest(BaseModel):
    """
    The manifest: readers see the parts that it lists, once it is finished.

    Attributes:
        format: The format of the dataset.
        run: The run that writes the dataset.
        name: The name of the dataset.
        content: What the rows contain.
        finished: Whether the dataset is complete.
        single_writer: What prevents two processes from creating the same part: the server's conditional requests, or
            only the lock of the run's folder, because the server has none.
        rows: The number of rows.
        parts: The parts, in the order of their first rows.
        row_schema: The JSON schema of the rows.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["budwood-dataset-1"] = "budwood-dataset-1"
    run: str
    name: str
    content: Literal["messages", "value"]
    finished: bool
    single_writer: Literal["conditional put", "lock of the run"]
    rows: int = 0
    parts: tuple[Part, ...] = ()
    row_schema: dict[str, JSON]

    @property
    def is_exclusive(self) -> bool:
        """Whether objects are created only if they do not exist."""
        return self.single_writer == "conditional put"

    def encode(self) -> bytes:
        """Return the object."""
        return self.model_dump_json(indent=1).encode()


@dataclass(frozen=True, slots=True)
class IndexedPart:
    """
    A part with a digest of each row, so that rows are compared without reading the part.

    Attributes:
        part: The part.
        indexes: The index of each row, ascending.
        digests: The digest of each row.
    """

    part: Part
    indexes: array[int]
    digests: array[int]

    def encode(self) -> bytes:
        """Return the object that describes the part."""
        digests = base64.b64encode(b"".join(digest.to_bytes(8, "big") for digest in self.digests))
        return _StoredIndex(part=self.part, digests=digests.decode()).model_dump_json().encode()


class _StoredIndex(BaseModel):
    part: Part
    digests: str


def start_manifest(dataset: Dataset, *, exclusive: bool) -> Manifest:
    """Return the manifest of a dataset without rows."""
    return Manifest(
        run=dataset.run,
        name=dataset.name,
        content=dataset.content,
        row_schema=dataset.schema,
        finished=False,
        single_writer="conditional put" if exclusive else "lock of the run",
    )


def decode_manifest(body: bytes) -> Manifest | None:
    """Parse a manifest; None if another program wrote the object."""
    try:
        return Manifest.model_validate_json(body)
    except ValidationError:
        return None


def decode_index(body: bytes) -> IndexedPart:
    """
    Parse the description of a part.

    Raises:
        ValueError: Another program wrote the object.
    """
    stored = _StoredIndex.model_validate_json(body)
    digests = base64.b64decode(stored.digests)
    numbers = (int.from_bytes(digests[place : place + 8], "big") for place in range(0, len(digests), 8))
    return IndexedPart(stored.part, array("Q", stored.part.iterate_indexes()), array("Q", numbers))


def digest_line(line: bytes) -> int:
    """Return a digest of a row, of 64 bits."""
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big")


def make_ranges(indexes: Iterable[int]) -> Ranges:
    """Return ascending indexes as ranges."""
    ranges: list[list[int]] = []
    for index in indexes:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return tuple((first, last) for first, last in ranges)


def sort_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return parts in the order of their first rows."""
    return tuple(sorted(parts, key=lambda part: (part.first, part.key)))
