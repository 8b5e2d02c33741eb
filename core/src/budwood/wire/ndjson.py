"""Split newline-delimited JSON into values, without I/O."""

from __future__ import annotations

from budwood.wire.lines import MAX_LINE_BYTES, LineBuffer


class NDJSONDecoder:
    """
    Splits a stream into the bytes of its JSON values, however they arrive. Empty lines are skipped.

    Args:
        max_line_bytes: The longest line; a longer one raises `ResponseTooLargeError`.
    """

    __slots__ = ("_lines",)

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._lines = LineBuffer(max_line_bytes)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the values that these bytes complete."""
        return [line for line in self._lines.feed(data) if line.strip()]

    def close(self) -> list[bytes]:
        """Return the last value if no newline follows it."""
        last = self._lines.close()
        return [last] if last.strip() else []
