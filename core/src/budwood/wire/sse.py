"""
Server-sent events, decoded without I/O.

Source: WHATWG HTML, section 9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

from typing import NamedTuple

from budwood.errors import ResponseTooLargeError
from budwood.wire.lines import MAX_LINE_BYTES, LineBuffer

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One event. ``data`` is bytes, for JSON parsers; lines of a multi-line event are joined by LF."""

    data: bytes
    event: str = "message"
    id: str | None = None


class SSEDecoder:
    """
    Decodes an event stream, however its bytes are split.

    Comments and unknown fields are skipped. An event at the end without the empty line after it, which the
    specification would discard, is returned by `close`: many servers omit their last newline.

    Errors that servers write into a stream without the field ``data`` are events too: ``error: …`` is an event named
    ``error``, and a line of JSON is an event.

    Args:
        max_line_bytes: The longest line, and the largest event; a longer one raises `ResponseTooLargeError`.
    """

    __slots__ = ("_data", "_event", "_id", "_limit", "_lines", "_size", "_started")

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._lines = LineBuffer(max_line_bytes)
        self._limit = max_line_bytes
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._id: str | None = None
        self._started = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """
        Return the events that these bytes complete.

        Raises:
            ResponseTooLargeError: A line or an event is longer than the limit.
        """
        events: list[ServerSentEvent] = []
        for line in self._lines.feed(data):
            if line:
                self._parse_line(line)
            elif self._data:
                events.append(self._dispatch())
            else:
                self._event = ""
        return events

    def close(self) -> list[ServerSentEvent]:
        """Return the last event if no empty line ended it."""
        last = self._lines.close()
        if last:
            self._parse_line(last)
        return [self._dispatch()] if self._data else []

    def _parse_line(self, line: bytes) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line.startswith(b"data:"):
            self._add_data(line[6:] if line[5:6] == b" " else line[5:])
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"data":
            self._add_data(value)
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"error" and value:
            self._event = "error"
            self._add_data(value)
        elif line.startswith((b"{", b"[{")) and not self._data:
            self._add_data(line)

    def _add_data(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value) + 1  # an empty line uses memory too
        if self._size > self._limit:
            raise ResponseTooLargeError(f"The reply contains an event of more than {self._limit:,} bytes.")

    def _dispatch(self) -> ServerSentEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = ServerSentEvent(data, self._event or "message", self._id)
        self._data.clear()
        self._size = 0
        self._event = ""
        return event
