"""
The duration of MP4 and QuickTime files.

Source: ISO/IEC 14496-12, sections 4.2 (boxes) and 8.2.2 (the movie header).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

_MAX_BOXES: Final = 1000
"""How many boxes of one level are read."""

_LONG_SIZE: Final = 1
_HEADER: Final = 8
_LONG_HEADER: Final = 16


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


def read_mp4_duration(file: BinaryIO) -> float | None:
    """Return the duration in seconds that the movie header states; None without one, or if it is not known."""
    size = file.seek(0, 2)
    movie = next((box for box in _list_boxes(file, 0, size) if box.kind == b"moov"), None)
    if movie is None:
        return None
    header = next((box for box in _list_boxes(file, movie.start, movie.end) if box.kind == b"mvhd"), None)
    if header is None:
        return None
    file.seek(header.start)
    content = file.read(min(32, header.end - header.start))
    try:
        is_long = content[:1] == b"\1"
        scale, duration = struct.unpack_from(">IQ" if is_long else ">II", content, 20 if is_long else 12)
    except struct.error:
        return None
    is_known = duration not in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    return duration / scale if scale and is_known else None


def _list_boxes(file: BinaryIO, place: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two places. One of the size 0 extends to the end."""
    for _ in range(_MAX_BOXES):
        file.seek(place)
        head = file.read(_LONG_HEADER)
        if len(head) < _HEADER or place >= end:
            return
        size, kind = struct.unpack_from(">I4s", head)
        header = _HEADER
        if size == _LONG_SIZE:
            if len(head) < _LONG_HEADER:
                return
            size, header = struct.unpack_from(">Q", head, _HEADER)[0], _LONG_HEADER
        stop = end if size == 0 else place + size
        if stop < place + header:
            return
        yield _Box(kind, place + header, min(stop, end))
        place = stop
