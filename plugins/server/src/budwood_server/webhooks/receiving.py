"""A receiver of webhooks on this machine: it verifies each request, and hands its event on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, Self

import uvicorn

from budwood_server.web.protocol import limit_heads
from budwood_server.webhooks.verification import WebhookVerificationError, verify

MAX_BODY: Final = 8 * 1024 * 1024
"""The largest body of a request in bytes."""

BODY_SECONDS: Final = 10.0
"""Seconds within which the head and the body of a request must arrive."""

MAX_REQUESTS: Final = 100
"""The maximum number of requests at the same time."""

MAX_WAITING: Final = 1000
"""The maximum number of arrivals that wait to be read. The server is asked to send further ones later."""

MAX_IDS: Final = 100_000
"""The number of events whose ids are kept, to notice those that arrive again."""

_Message = Any  # of ASGI


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    A request that has arrived.

    Attributes:
        received: When, in seconds since 1970.
        event: The event; None if the request was refused.
        is_duplicate: Whether an event with the same id has arrived before.
        problem: Why it was refused, or None.
    """

    received: float
    event: dict[str, Any] | None = None
    is_duplicate: bool = False
    problem: str | None = None


class Receiver:
    """
    Serves on the loopback interface in a thread, inside a ``with`` block.

    Args:
        port: The port; 0 for one that is free.
        arrivals: Where requests arrive.

    Attributes:
        secrets: The secrets of the endpoint. Set them before the first request.

    Raises:
        OSError: The port cannot be used.
    """

    def __init__(self, port: int, arrivals: SimpleQueue[Arrival | None]) -> None:
        self.secrets: Sequence[str] = ()
        self._arrivals = arrivals
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._socket = socket.create_server(("127.0.0.1", port))
        self._server = _Server(self._respond)
        self._thread = threading.Thread(target=self._run, name="budwood-receiver", daemon=True)

    @property
    def url(self) -> str:
        """The URL of the receiver."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def start(self) -> None:
        """Accept requests from now on."""
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._socket]))

    async def _respond(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer a request. It is an application of ASGI."""
        if scope["type"] != "http":
            return
        status = await self._accept(scope, receive)
        headers = [(b"content-length", b"0"), *([(b"connection", b"close")] if status >= 400 else [])]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _accept(self, scope: _Message, receive: _Receive) -> int:
        """Verify a request, hand its event on, and return the status of the answer."""
        if scope["method"] != "POST":
            return 405
        if self._arrivals.qsize() >= MAX_WAITING:
            return 503
        body = await _read_body(receive)
        if body is None:
            return self._refuse(
                f"The body has more than {MAX_BODY} bytes, or was not complete in {BODY_SECONDS:g} s.", 413
            )
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            event = verify(body, headers, self.secrets)
        except WebhookVerificationError as error:
            return self._refuse(error.message, 401)
        self._arrivals.put(Arrival(time.time(), event, is_duplicate=self._is_known(str(event.get("id")))))
        return 204

    def _refuse(self, problem: str, status: int) -> int:
        self._arrivals.put(Arrival(time.time(), problem=problem))
        return status

    def _is_known(self, event_id: str) -> bool:
        """Note an id, and tell whether it was noted before."""
        is_known = event_id in self._ids
        self._ids[event_id] = None
        self._ids.move_to_end(event_id)
        if len(self._ids) > MAX_IDS:
            self._ids.popitem(last=False)
        return is_known


_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to the program."""

    def __init__(self, application: Callable[[_Message, _Receive, _Send], Awaitable[None]]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                interface="asgi3",
                http=limit_heads(BODY_SECONDS),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MAX_REQUESTS,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _read_body(receive: _Receive) -> bytes | None:
    """Return the body of a request; None if it is too long, or not complete in time."""
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAX_BODY:
                    return None
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        return None
