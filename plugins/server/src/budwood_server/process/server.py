"""Serve requests in this process until a signal stops it: first it finishes its requests, then it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import uvicorn

from budwood_server.app import create_app
from budwood_server.process.sockets import BACKLOG
from budwood_server.web.protocol import limit_heads

if TYPE_CHECKING:
    from budwood_server.app import Application
    from budwood_server.worker import Worker

T = TypeVar("T")

FLUSH_SECONDS: Final = 2.0
"""The time that clients get to receive the end of a reply that was interrupted."""

GC_THRESHOLDS: Final = (20_000, 20, 50)
"""Allocations before a collection of garbage: requests under way are much garbage soon, but no cycles."""

KEEP_ALIVE_SECONDS: Final = 75
"""The time for which a connection without a request stays open; proxies usually reuse it for up to 60 s."""


MAX_SOCKET_MESSAGE: Final = 4096
"""The largest message in bytes that a client of a WebSocket may send; the server needs none."""

PING_SECONDS: Final = 30.0
"""Seconds between two pings of WebSockets, and until the answer must have come."""


class GatewayServer(uvicorn.Server):
    """
    uvicorn's server, with other ways to stop.

    Args:
        worker: The state of the process.
        started: Called when connections are accepted.
    """

    def __init__(self, worker: Worker, started: Callable[[], None] = lambda: None) -> None:
        self._worker = worker
        self._app: Application = create_app(worker)
        self._on_start = started
        self._is_interrupted = False
        super().__init__(
            uvicorn.Config(
                self._app,
                http="httptools",
                lifespan="off",  # `serve_worker` starts and stops the worker, so that errors arrive there
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws=_create_socket,  # type: ignore[arg-type]  # it is only called
                ws_max_size=MAX_SOCKET_MESSAGE,
                ws_per_message_deflate=False,  # it would take memory for each connection
                ws_ping_interval=PING_SECONDS,
                ws_ping_timeout=PING_SECONDS,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to those who run the server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        self.config.http_protocol_class = limit_heads(self._worker.configuration.server.body_timeout)
        await super().startup(sockets)
        self._on_start()

    def stop(self) -> None:
        """Accept no more requests, and end when those under way have finished, or after the time for it."""
        if not self.should_exit:
            self.should_exit = True
            self._worker.drain()

    def interrupt(self) -> None:
        """End now: requests under way end with an error."""
        self.stop()
        if not self._is_interrupted:
            self._is_interrupted = True
            self._app.interrupt()
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._abort)

    def stop_or_interrupt(self) -> None:
        """Stop at the first call, and interrupt at the second."""
        (self.interrupt if self.should_exit else self.stop)()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for requests under way, and interrupt them when their time is over."""
        seconds = self._worker.configuration.server.drain
        timer = asyncio.get_running_loop().call_later(seconds, self.interrupt)
        self.config.timeout_graceful_shutdown = int(seconds + 2 * FLUSH_SECONDS + 1)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _abort(self) -> None:
        """Close the connections of clients that do not read."""
        for connection in list(self.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()


async def serve_worker(server: GatewayServer, worker: Worker, sockets: Sequence[socket.socket]) -> None:
    """
    Serve requests until the server is stopped.

    Raises:
        BudwoodError: The worker cannot start.
    """
    await worker.start()
    gc.collect()
    gc.freeze()  # what was imported stays, so collections of garbage need not visit it
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        await server.serve(list(sockets))
    finally:
        await worker.stop()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a new event loop, that of uvloop if it is installed."""
    with asyncio.Runner(loop_factory=_find_loop_factory()) as runner:
        return runner.run(coroutine)


def _create_socket(**options: Any) -> asyncio.Protocol:  # noqa: ANN401 - those of uvicorn
    """Return the protocol of a WebSocket. It is imported by the first one, since most workers have none."""
    from budwood_server.web.socket_protocol import SocketProtocol

    return SocketProtocol(**options)


def _find_loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        from uvloop import new_event_loop
    except ImportError:  # there is none for Windows
        return None
    return new_event_loop
