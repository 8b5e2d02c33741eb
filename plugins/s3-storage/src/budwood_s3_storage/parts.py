"""Parts: some rows as compressed JSON lines. The same rows give the same name and content."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from pydantic_core import to_json

from budwood.types import Row
from budwood_s3_storage.manifest import PARTS, IndexedPart, Part, digest_line, make_ranges

PART_BYTES: Final = 16 * 2**20
"""The size before compression at which a part ends. It is one request: the parts of a multipart upload have no names,
and clients and servers differ in whether such an upload can be conditional."""

_COMPRESSION_LEVEL: Final = 6
_SEPARATORS: Final = tuple((text.encode(), f"\\u{ord(text):04x}".encode()) for text in ("\u0085", "\u2028", "\u2029"))
"""Line separators of Unicode, which many readers treat as the end of a line."""

Line = tuple[int, bytes]
"""The index of a row, and its data as a line."""


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part that is not stored yet."""

    indexed: IndexedPart
    body: bytes


def format_line(row: Row) -> Line:
    """Return the line of a row."""
    line = to_json(row.data)
    for separator, escaped in _SEPARATORS:
        line = line.replace(separator, escaped)
    return row.index, line + b"\n"


def format_batch(rows: Iterable[Row]) -> list[Line]:
    """Return the lines of a batch in the order of their indexes. The last of several rows with one index counts."""
    latest = {row.index: row for row in rows}
    return [format_line(latest[index]) for index in sorted(latest)]


def split_lines(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Split lines so that each part has about `PART_BYTES`; it may have more if a single row does."""
    current: list[Line] = []
    size = 0
    for line in lines:
        if current and size + len(line[1]) > PART_BYTES:
            yield current
            current, size = [], 0
        current.append(line)
        size += len(line[1])
    if current:
        yield current


def make_part(run: str, writer: str, lines: Sequence[Line]) -> NewPart:
    """Create a part. Its name has the run, the writer, the first row, and the beginning of the content's digest."""
    content = b"".join(line for _, line in lines)
    digest = hashlib.sha256(content).hexdigest()
    name = f"{run}.{quote(writer, safe='')}.{lines[0][0]:012d}.{digest[:16]}.jsonl.gz"
    body = compress(content)
    indexes = array("Q", (index for index, _ in lines))
    part = Part(
        key=f"{PARTS}{name}",
        rows=len(lines),
        indexes=make_ranges(indexes),
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        content_size=len(content),
        content_sha256=digest,
    )
    return NewPart(IndexedPart(part, indexes, array("Q", (digest_line(line) for _, line in lines))), body)


def compress(content: bytes) -> bytes:
    """Compress content. The header contains no name and no time, so that the same content gives the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def match_stored(part: Part, body: bytes) -> Part | None:
    """
    Compare a part with an object of the same name: return the part with the size and the digest of that object.

    Another release of zlib may have compressed the same content to other bytes, so that the content is compared.

    Returns:
        None if the object has other content.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body), mode="rb") as file:
            content = file.read(part.content_size + 1)
    except (OSError, EOFError, zlib.error):
        return None
    if len(content) != part.content_size or hashlib.sha256(content).hexdigest() != part.content_sha256:
        return None
    return part.model_copy(update={"size": len(body), "sha256": hashlib.sha256(body).hexdigest()})
