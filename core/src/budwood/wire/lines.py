"""Split a stream of bytes into lines, however the bytes arrive."""

from __future__ import annotations

from typing import Final

from budwood.errors import ResponseTooLargeError

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""The longest line: 16 MiB, more than any vendor's event with an image in it."""


class LineBuffer:
    """
    Buffers bytes and returns complete lines, without their ends.

    A line ends with LF, CR LF or CR, as in server-sent events. A UTF-8 character that is split in two is safe, because
    none of its bytes can end a line.

    Args:
        max_line_bytes: The longest line; a longer one raises `ResponseTooLargeError`.
    """

    __slots__ = ("_after_cr", "_limit", "_rest", "_size")

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._rest: list[bytes] = []
        self._size = 0
        self._limit = max_line_bytes
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """
        Return the lines that these bytes complete.

        Raises:
            ResponseTooLargeError: A line is longer than the limit.
        """
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 0x0A:  # the second half of a CR LF that was split
                data = data[1:]
        if not data:
            return []
        lines = data.splitlines()
        ended = data[-1] in b"\r\n"
        self._after_cr = data[-1] == 0x0D
        if self._rest:
            self._buffer(lines.pop(0))
            if ended or lines:
                lines.insert(0, self.close())
        if not ended and lines:
            self._buffer(lines.pop())
        if len(data) > self._limit and any(len(line) > self._limit for line in lines):
            raise self._size_error()
        return lines

    def close(self) -> bytes:
        """Return the last line if it has no end; otherwise empty bytes."""
        last = b"".join(self._rest)
        self._rest.clear()
        self._size = 0
        return last

    def _buffer(self, part: bytes) -> None:
        self._rest.append(part)
        self._size += len(part)
        if self._size > self._limit:
            raise self._size_error()

    def _size_error(self) -> ResponseTooLargeError:
        return ResponseTooLargeError(f"The reply contains a line of more than {self._limit:,} bytes.")
