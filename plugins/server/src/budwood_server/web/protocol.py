"""uvicorn's HTTP protocol, with a time limit for the head of a request, and fewer system calls for replies."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def limit_heads(seconds: float) -> type[TimedProtocol]:
    """
    Return the protocol for uvicorn's option ``http``.

    Args:
        seconds: The time within which the head must arrive, from its first byte or from the start of the connection.
    """
    return type("TimedProtocol", (TimedProtocol,), {"head_seconds": seconds})


class TimedProtocol(HttpToolsProtocol):
    """
    Closes connections on which the head of a request does not arrive in time, because uvicorn waits without limit.

    The body has a limit of its own; see `budwood_server.web.exchange.Exchange.read_body`.
    """

    head_seconds: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - those of uvicorn
        super().__init__(*args, **kwargs)
        self._is_in_head = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the first request."""
        super().connection_made(transport)
        self.transport = _JoinedWrites(transport, self.loop)  # type: ignore[assignment]
        self._is_in_head = True
        self._timer = self.loop.call_later(self.head_seconds, self._close_if_in_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._is_in_head = False
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the timer if the head of a request is incomplete; most heads arrive at once, and need none."""
        super().data_received(data)
        if not self._is_in_head:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self._close_if_in_head)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it is complete."""
        self._is_in_head = False
        super().on_headers_complete()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_if_in_head(self) -> None:
        self._timer = None
        if self._is_in_head and not self.transport.is_closing():
            self.transport.close()


class _JoinedWrites:
    """A transport that sends two writes in one turn of the event loop together: the head and the body of a reply."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._call_soon = loop.call_soon
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the transport
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data with the next write, or at the end of this turn."""
        self._parts.append(data)
        if len(self._parts) > 1:
            self._flush()
        else:
            self._call_soon(self._flush)

    def close(self) -> None:
        """Send what was written, and close the connection."""
        self._flush()
        self._transport.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol take over, after what was written."""
        self._flush()
        self._transport.set_protocol(protocol)

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))
