"""Reading the rows of a finished dataset in the order of their indexes."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import tempfile
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import IO, Final

from pydantic_core import from_json

from budwood.errors import ConfigurationError
from budwood.types import Row
from budwood_s3_storage.manifest import Manifest, Part
from budwood_s3_storage.parts import Line
from budwood_s3_storage.store import ObjectStore

_IN_MEMORY: Final = 2**20
"""The size up to which a part is in memory while it is read, and not in a temporary file."""


def read_rows(store: ObjectStore, manifest: Manifest, after: int) -> Generator[Row]:
    """
    Yield the rows after an index. Only parts that overlap are open at a time.

    Raises:
        ConfigurationError: A part is missing or damaged.
    """
    with ExitStack() as files:
        for index, line in _merge(store, manifest, after, files):
            if index > after:
                data = from_json(line)
                yield Row(id=str(data.get("id", index)), index=index, data=data)


def _merge(store: ObjectStore, manifest: Manifest, after: int, files: ExitStack) -> Iterator[Line]:
    waiting = deque(part for part in manifest.parts if part.last > after)
    heads: list[tuple[Line, int, Generator[Line]]] = []
    number = 0
    while waiting or heads:
        while waiting and (not heads or waiting[0].first <= heads[0][0][0]):
            lines = read_part(store, waiting.popleft())
            files.callback(lines.close)
            number += 1
            heapq.heappush(heads, (next(lines), number, lines))
        line, _, lines = heads[0]
        yield line
        if (following := next(lines, None)) is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following, number, lines))


def read_part(store: ObjectStore, part: Part) -> Generator[Line]:
    """
    Yield the lines of a part, with their indexes.

    Raises:
        ConfigurationError: The part is missing or damaged.
    """
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        store.download(part.key, file)
        _check(store, part, file)
        with gzip.GzipFile(fileobj=file, mode="rb") as lines:
            yield from zip(part.iterate_indexes(), lines, strict=True)


def _check(store: ObjectStore, part: Part, file: IO[bytes]) -> None:
    size = file.tell()
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it has all methods
    file.seek(0)
    if (size, digest) != (part.size, part.sha256):
        raise ConfigurationError(
            f"{store.url(part.key)} is damaged: it is not the object that the manifest describes.",
            hint="Resume the run with another output: it writes all rows there, and no call is repeated.",
        )
