"""
The values that caches store: a line of text, and a JSON object.

The line has the format, the CRC-32 of all that follows, the time until which the reply is fresh, in seconds since 1970,
or ``-`` for ever, and ``json``, or ``zlib`` if the object is compressed. Nothing is unpickled.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

FORMAT: Final = b"budwood-reply-2"
"""Change it whenever the format of stored replies changes."""

MIN_COMPRESSED: Final = 4096
"""Bytes from which on the object is compressed."""

_LEVEL: Final = 1
_FOR_EVER: Final = b"-"


class CachedValue(NamedTuple):
    """
    A value whose checksum is right.

    Attributes:
        fresh_until: The time until which the reply is fresh, in seconds since 1970; None for ever.
        content: The JSON object.
    """

    fresh_until: float | None
    content: bytes


def seal_value(content: bytes, fresh_until: float | None, *, compressed: bool = True) -> bytes:
    """Return the value for a JSON object, which may be compressed if it is long."""
    encoding = b"json"
    if compressed and len(content) >= MIN_COMPRESSED:
        content, encoding = zlib.compress(content, _LEVEL), b"zlib"
    until = _FOR_EVER if fresh_until is None else b"%.3f" % fresh_until
    rest = b"%s %s\n%s" % (until, encoding, content)
    return b"%s %08x %s" % (FORMAT, zlib.crc32(rest), rest)


def open_value(value: bytes) -> CachedValue:
    """
    Check a stored value, and return its content.

    Raises:
        ValueError: It is damaged, or has another format.
    """
    form, *others = value.split(b" ", 2)
    if form != FORMAT or len(others) != 2:
        raise ValueError("The entry has another format.")
    checksum, rest = others
    if zlib.crc32(rest) != int(checksum, 16):
        raise ValueError("The checksum of the entry does not match.")
    head, _, content = rest.partition(b"\n")
    until, _, encoding = head.partition(b" ")
    if encoding == b"zlib":
        content = zlib.decompress(content)
    return CachedValue(None if until == _FOR_EVER else float(until), content)
