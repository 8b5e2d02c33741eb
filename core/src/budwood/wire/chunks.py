"""
Extract the data of a chunked body, many chunks at once.

Source: RFC 9112, section 7.1. A parser of HTTP in Python spends some 10 µs on each chunk, which is most of what a
stream of tokens costs. This one handles data chunks only: the last chunk, the trailers after it, and everything else
is left to that parser.
"""

from __future__ import annotations

import re
from typing import Final

_HEAD: Final = re.compile(rb"0*([1-9A-Fa-f][0-9A-Fa-f]{0,14})(?:[ \t]*;[^\r\n]*)?\r\n")
"""The head of a chunk with data: its size, and optional extensions."""

_MAX_HEAD: Final = 64
"""How many bytes are buffered until a head is complete. A longer one is left to the other parser."""

_END: Final = b"\r\n"


class ChunkFramer:
    """
    Splits a chunked body, however its bytes arrive.

    Attributes:
        rest: None, or the bytes from the first that are not a data chunk on: the last chunk with its trailers, or
            anything that this parser does not support. From then on the other parser reads.
    """

    __slots__ = ("_left", "_pending", "rest")

    def __init__(self) -> None:
        self._left = 0  # of the current chunk, with the line break after it; 0 before a head
        self._pending = b""
        self.rest: bytes | None = None

    def feed(self, received: bytes) -> bytes:
        """
        Return the data in received bytes.

        Raises:
            ValueError: A chunk is longer than its head says.
        """
        if not self._pending and self._left - len(received) >= len(_END):  # everything is within one chunk
            self._left -= len(received)
            return received
        return self._split(self._pending + received if self._pending else received)

    def _split(self, received: bytes) -> bytes:
        data: list[bytes] = []
        place, left, size = 0, self._left, len(received)
        while True:
            if left:  # the bytes of a chunk, with the line break after them
                end = place + left
                if end > size:
                    break
                if received[end - 2 : end] != _END:
                    raise ValueError("a chunk is longer than its head says")
                data.append(received[place : end - 2])
                place, left = end, 0
            head = _HEAD.match(received, place)
            if head is None:
                return self._stop(received, place, data)
            place, left = head.end(), int(head[1], 16) + len(_END)
        return self._end_within_chunk(received, place, left, data)

    def _end_within_chunk(self, received: bytes, place: int, left: int, data: list[bytes]) -> bytes:
        """Return the data of an incomplete chunk; bytes that may be its line break are buffered."""
        available = min(len(received) - place, left - len(_END))
        data.append(received[place : place + available])
        self._left = left - available
        self._pending = received[place + available :]
        return b"".join(data)

    def _stop(self, received: bytes, place: int, data: list[bytes]) -> bytes:
        """Buffer an incomplete head, or leave the rest to the other parser."""
        self._left = 0
        unread = received[place:]
        if len(unread) < _MAX_HEAD and not _is_other(unread):
            self._pending = unread
        else:
            self._pending, self.rest = b"", unread
        return b"".join(data)


_INCOMPLETE_HEAD: Final = re.compile(rb"[0-9A-Fa-f]{0,15}[ \t]*(?:;[^\r\n]*)?\r?")


def _is_other(unread: bytes) -> bool:
    """Tell whether bytes cannot become the head of a data chunk, so that the other parser must read them."""
    return _INCOMPLETE_HEAD.fullmatch(unread) is None
