"""
Read chunked bodies without h11, which spends some 10 µs on each chunk.

`budwood.wire.chunks` extracts the data. From the last chunk on, h11 reads again, so that it knows whether the reply is
complete and the connection reusable.
"""

from __future__ import annotations

from typing import Final

import h11
import httpcore

from budwood.transports.httpcore_adapter import get_h11_state
from budwood.types import ReplyHead
from budwood.wire.chunks import ChunkFramer

READ_SIZE: Final = 64 * 1024
"""How many bytes are read from a connection at once."""


class ChunkedBody:
    """
    The data of one chunked body.

    Args:
        state: The state of the connection in h11.

    Attributes:
        received: Bytes from the server that were not fed yet.
        is_over: Whether h11 must read the rest.
    """

    __slots__ = ("_framer", "_state", "is_over", "received")

    def __init__(self, state: h11.Connection) -> None:
        self._state = state
        self._framer = ChunkFramer()
        buffer = state._receive_buffer  # noqa: SLF001 - h11 shows its buffer, but has no method to take the bytes
        self.received = bytes(buffer.maybe_extract_at_most(len(buffer)) or b"")
        self.is_over = False

    def feed(self, received: bytes) -> bytes:
        """
        Return the data in received bytes; empty bytes are the end of the connection.

        Raises:
            httpcore.RemoteProtocolError: It is not a valid chunked body.
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
    """Take over a chunked body from h11; None for other bodies and for HTTP/2."""
    if head.headers.get("transfer-encoding", "").lower() != "chunked":
        return None
    state = get_h11_state(connection)
    if state is None or state.their_state is not h11.SEND_BODY or not hasattr(state, "_receive_buffer"):
        return None
    return ChunkedBody(state)
