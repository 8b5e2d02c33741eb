"""
Take the data out of a chunked body, many chunks at once.

Source: RFC 9112, section 7.1. A parser of HTTP in Python spends some 10 µs on each chunk, which is most of what a
stream of tokens costs. This one knows data alone: the last chunk, the trailers after it, and whatever it does not know
are left to that parser.
"""

from __future__ import annotations

import re
from typing import Final

_HEAD: Final = re.compile(rb"0*([1-9A-Fa-f][0-9A-Fa-f]{0,14})(?:[ \t]*;[^\r\n]*)?\r\n")
"""The size of a chunk that has data, and what may follow it."""

_LONGEST_HEAD: Final = 64
"""How many bytes are gathered until a head is complete. A longer one is left to the other parser."""

_END: Final = b"\r\n"


class ChunkFramer:
    """
    Cuts a chunked body, however its bytes arrive.

    Attributes:
        rest: None, or, once something has come that is not data, the bytes from there on: the last chunk with its
            trailers, or what this parser does not know. From then on the other one reads.
    """

    __slots__ = ("_left", "_pending", "rest")

    def __init__(self) -> None:
        self._left = 0  # of the current chunk, with the line break after it; 0 before a head
        self._pending = b""
        self.rest: bytes | None = None

    def feed(self, received: bytes) -> bytes:
        """
        Return the data in what was received.

        Raises:
            ValueError: A chunk does not end where its head says.
        """
        if not self._pending and self._left - len(received) >= len(_END):  # all of it is within one chunk
            self._left -= len(received)
            return received
        return self._cut(self._pending + received if self._pending else received)

    def _cut(self, received: bytes) -> bytes:
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
        return self._keep(received, place, left, data)

    def _keep(self, received: bytes, place: int, left: int, data: list[bytes]) -> bytes:
        """Hand out what there is of a chunk; what may be its line break waits."""
        available = min(len(received) - place, left - len(_END))
        data.append(received[place : place + available])
        self._left = left - available
        self._pending = received[place + available :]
        return b"".join(data)

    def _stop(self, received: bytes, place: int, data: list[bytes]) -> bytes:
        """Wait for the rest of a head, or leave what is none to the other parser."""
        self._left = 0
        unread = received[place:]
        if len(unread) < _LONGEST_HEAD and not _is_other(unread):
            self._pending = unread
        else:
            self._pending, self.rest = b"", unread
        return b"".join(data)


_BEGUN: Final = re.compile(rb"[0-9A-Fa-f]{0,15}[ \t]*(?:;[^\r\n]*)?\r?")


def _is_other(unread: bytes) -> bool:
    """Tell whether bytes cannot become the head of a chunk that has data: they are read by the other parser."""
    return _BEGUN.fullmatch(unread) is None
