"""
The duration of WebM files.

Sources: EBML (RFC 8794) and Matroska (RFC 9559): element ``Duration`` in ``Info`` of ``Segment``, in units of
``TimestampScale``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_SEGMENT: Final = 0x18538067
_INFO: Final = 0x1549A966
_TIMESTAMP_SCALE: Final = 0x2AD7B1
_DURATION: Final = 0x4489

_DEFAULT_SCALE: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_MAX_ID_BYTES: Final = 4
_MAX_SIZE_BYTES: Final = 8


def read_webm_duration(head: bytes) -> float | None:
    """Return the duration in seconds by the first bytes of a file; None if they do not contain it."""
    segment = next((content for number, content in _list_elements(head) if number == _SEGMENT), b"")
    info = next((content for number, content in _list_elements(segment) if number == _INFO), b"")
    fields = dict(_list_elements(info))
    duration = fields.get(_DURATION, b"")
    if len(duration) not in (4, 8):
        return None
    value: float = struct.unpack(">f" if len(duration) == 4 else ">d", duration)[0]
    return value * (int.from_bytes(fields.get(_TIMESTAMP_SCALE, b"")) or _DEFAULT_SCALE) / _SECOND


def _list_elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the elements at one level. The last may be incomplete, and have an unknown size."""
    place = 0
    while place < len(data):
        id_size = _vint_size(data[place])
        size_place = place + id_size
        if id_size > _MAX_ID_BYTES or size_place >= len(data):
            return
        length = _vint_size(data[size_place])
        if length > _MAX_SIZE_BYTES:
            return
        start = size_place + length
        size = int.from_bytes(data[size_place:start]) & (1 << 7 * length) - 1
        yield int.from_bytes(data[place:size_place]), data[start : start + size]
        place = start + size


def _vint_size(first: int) -> int:
    """Return the number of bytes of a number by its first byte: one more than the zeros before its highest bit."""
    return 9 - first.bit_length()
