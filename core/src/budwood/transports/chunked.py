"""
Read chunked bodies beside h11, which spends some 10 µs on each chunk.

The data is taken out by `budwood.wire.chunks`. From the last chunk on h11 reads again: so it knows that the reply is
complete, and whether the connection can be used again.
"""

from __future__ import annotations

from typing import Final

import h11
import httpcore

from budwood.transports.httpcore_adapter import h11_state
from budwood.types import ReplyHead
from budwood.wire.chunks import ChunkFramer

READ_SIZE: Final = 64 * 1024
"""The most bytes that are read from a connection at once."""


class ChunkedBody:
    """
    The data of one chunked body.

    Args:
        state: What h11 knows of the connection.

    Attributes:
        received: What has come from the server, and was not fed yet.
        is_over: Whether h11 reads the rest.
    """

    __slots__ = ("_framer", "_state", "is_over", "received")

    def __init__(self, state: h11.Connection) -> None:
        self._state = state
        self._framer = ChunkFramer()
        buffer = state._receive_buffer  # noqa: SLF001 - h11 shows what is in it, but does not let it be taken
        self.received = bytes(buffer.maybe_extract_at_most(len(buffer)) or b"")
        self.is_over = False

    def feed(self, received: bytes) -> bytes:
        """
        Return the data in what has come; nothing that came is the end of the connection.

        Raises:
            httpcore.RemoteProtocolError: It is no chunked body.
        """
        try:
            data = self._framer.feed(received)
        except ValueError as error:
            raise httpcore.RemoteProtocolError(str(error)) from error
        rest = self._framer.rest
        if rest is not None:
            self.is_over = True
            self._state.receive_data(rest)
        elif not received:
            self.is_over = True
        return data


def take_chunked(connection: object, head: ReplyHead) -> ChunkedBody | None:
    """Take a chunked body over from h11; None for other bodies and for HTTP/2."""
    if head.headers.get("transfer-encoding", "").lower() != "chunked":
        return None
    state = h11_state(connection)
    if state is None or state.their_state is not h11.SEND_BODY or not hasattr(state, "_receive_buffer"):
        return None
    return ChunkedBody(state)
