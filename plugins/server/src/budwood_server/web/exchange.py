"""One HTTP request, and the reply to it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic_core import from_json, to_json

from budwood_server.web.connections import abort
from budwood_server.web.problems import SLOW_BODY, ClientGoneError, Problem, ProblemError, reject, reject_size

T = TypeVar("T")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON_TYPE: Final = (b"content-type", b"application/json")
STREAM_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # otherwise nginx collects events
)
CLOSE: Final = (b"connection", b"close")
COMMENT: Final = b": keep-alive\n\n"
MAX_DISCARDED: Final = 1024 * 1024
"""The largest rest of a body, in bytes, that is discarded so that the connection can be used again."""


_LIMITS: Final = "max_body or max_upload"
"""The settings that limit bodies."""


class Exchange:
    """
    One HTTP request, and the reply to it.

    Args:
        scope: The request, as ASGI describes it.
        receive: Returns the next part of the request.
        send: Sends the next part of the reply.
        request_id: Identifies the request, in the header ``x-request-id`` and in the log.

    Attributes:
        method: The HTTP method.
        path: The path, decoded.
        parameters: The variable parts of the path, by name.
        headers: Headers that every reply has, such as those for CORS.
        is_started: Whether the reply has started.
        interruption: Why the server has cancelled the request, or None.
        is_stream: Whether the reply is sent part by part.
        key_id: The id of the key, once it is known.
        status: The status of the reply, once it has started.
        task: The task that answers the request, and creates the exchange.
        tokens: The tokens that the call of the request has used, or None as long as that is not known.
    """

    __slots__ = (
        "_body",
        "_has_more",
        "_receive",
        "_send",
        "headers",
        "interruption",
        "is_started",
        "is_stream",
        "key_id",
        "method",
        "parameters",
        "path",
        "request_id",
        "scope",
        "status",
        "task",
        "tokens",
    )

    def __init__(self, scope: Message, receive: Receive, send: Send, request_id: str) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._body: bytes | None = None
        self._has_more = True
        self.task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]
        self.request_id = request_id
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.parameters: dict[str, str] = {}
        self.headers: list[Header] = [(b"x-request-id", request_id.encode())]
        self.is_started = False
        self.interruption: Problem | None = None
        self.is_stream = False
        self.key_id: str | None = None
        self.status: int | None = None
        self.tokens: int | None = None

    def header(self, name: bytes) -> str | None:
        """Return the first header with a name in lower case; None without one."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return None

    def find_header(self, name: str) -> str | None:
        """Return the first header with a name in lower case; see `header`."""
        return self.header(name.encode())

    def headers_with(self, prefix: bytes) -> Iterable[tuple[str, str]]:
        """Yield the headers whose names begin with a prefix, without it."""
        for key, value in self.scope["headers"]:
            if key.startswith(prefix):
                yield str(key[len(prefix) :], "latin-1"), str(value, "latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of repeated ones the last."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))

    async def read_body(self, limit: int, timeout: float, setting: str | None = _LIMITS) -> bytes:
        """
        Read the body.

        Args:
            limit: The maximum size in bytes.
            timeout: Seconds within which it must arrive.
            setting: The setting that is the limit, if it is one.

        Raises:
            ProblemError: It is too large, or did not arrive in time.
            ClientGoneError: The client has closed the connection.
        """
        if self._body is None:
            self._check_length(limit, setting)
            task = self.task
            slow: list[bool] = []
            timer = task.get_loop().call_later(timeout, _cancel, task, slow)  # faster than asyncio.timeout
            try:
                self._body = b"".join([part async for part in self._read_parts(limit, setting)])
            except asyncio.CancelledError:
                if not slow:
                    raise
                task.uncancel()
                raise ProblemError(SLOW_BODY) from None
            finally:
                timer.cancel()
        return self._body

    def replay(self, receive: Receive) -> Receive:
        """Return what another ASGI application receives after `read_body`: the body, and then what follows it."""
        body = self._body

        async def receive_again() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            part, body = body, None
            return {"type": "http.request", "body": part, "more_body": False}

        return receive_again

    def _check_length(self, limit: int, setting: str | None = _LIMITS) -> None:
        """Reject a body that is too large by its header, before it is read."""
        length = self.header(b"content-length")
        if length is not None and length.isdecimal() and int(length) > limit:
            raise reject_size("request body", limit, setting)

    def may_contain(self, text: bytes) -> bool:
        """Tell whether JSON in the body may contain a text of letters, digits and underscores, also with escapes."""
        return self._body is None or text in self._body or b"\\u" in self._body

    async def read_parts(self, limit: int, setting: str | None = _LIMITS) -> AsyncIterator[bytes]:
        """Yield the parts of a large body as they arrive; raises the same errors as `read_body`."""
        self._check_length(limit, setting)
        async for part in self._read_parts(limit, setting):
            yield part

    async def _read_parts(self, limit: int, setting: str | None = _LIMITS) -> AsyncIterator[bytes]:
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part = message.get("body", b"")
            more = self._has_more = message.get("more_body", False)
            size += len(part)
            if size > limit:
                raise reject_size("request body", limit, setting)
            yield part

    async def read_json(self, limit: int, timeout: float) -> dict[str, Any]:
        """
        Read a body that is a JSON object.

        Raises:
            ProblemError: It is not one; and the errors of `read_body`.
        """
        if (encoding := self.header(b"content-encoding")) not in (None, "identity"):
            message = f"The content encoding {encoding!r} is not supported."
            raise reject(message, param="content-encoding", hint="Send the body uncompressed.", status=415)
        body = await self.read_body(limit, timeout)
        try:
            value = from_json(body, allow_inf_nan=False)
        except (ValueError, RecursionError) as error:
            raise reject(f"The request body is not valid JSON: {error}.", code="invalid_json") from None
        if not isinstance(value, dict):
            raise reject("The request body must be a JSON object.", code="invalid_json")
        if _LARGE_NUMBER.search(body) and _has_infinity(value):
            raise reject("The request body has a number that is too large.", code="invalid_json")
        return value

    async def run(self, call: Awaitable[T]) -> T:
        """
        Await a call while the client is connected. If it leaves, the call is cancelled.

        The body must have been read before.

        Raises:
            ClientGoneError: The client has closed the connection.
        """
        watch = self.task.get_loop().create_task(self._watch())
        try:
            return await call
        except asyncio.CancelledError:
            if watch.done() and not watch.cancelled() and watch.result():
                self.task.uncancel()
                raise ClientGoneError from None
            raise
        finally:
            watch.cancel()

    def accept_interruption(self) -> Problem | None:
        """Return why the server has cancelled the request, so that this can be sent; None if it has not."""
        if self.interruption is not None:
            self.task.uncancel()
        return self.interruption

    async def _watch(self) -> bool:
        """Cancel the task of the request when the client has left."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.task.cancel()
                return True

    async def send(self, status: int, body: bytes, headers: Iterable[Header] = (JSON_TYPE,)) -> None:
        """Send the whole reply."""
        self.is_started, self.status = True, status
        length = (b"content-length", str(len(body)).encode())
        await self._start(status, (*headers, length))
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def send_json(self, value: object, status: int = 200, headers: Iterable[Header] = ()) -> None:
        """Send a value as JSON."""
        await self.send(status, to_json(value, inf_nan_mode="null"), (JSON_TYPE, *headers))

    async def start_stream(self, headers: Iterable[Header] = (), status: int = 200) -> None:
        """Start a reply that is sent part by part."""
        self.is_started, self.is_stream, self.status = True, True, status
        await self._start(status, headers)

    async def _start(self, status: int, headers: Iterable[Header]) -> None:
        closing = (CLOSE,) if self._has_more and self._has_large_body() else ()
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *self.headers, *closing]}
        )

    def _has_large_body(self) -> bool:
        length = self.header(b"content-length")
        if length is None:
            return self.header(b"transfer-encoding") is not None
        return not length.isdecimal() or int(length) > MAX_DISCARDED

    async def send_part(self, body: bytes) -> None:
        """Send a part of a reply that has started. It waits while the client reads slowly."""
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end_stream(self) -> None:
        """End a reply that was sent part by part."""
        await self._send({"type": "http.response.body", "body": b""})

    def abort(self) -> None:
        """Close the connection at once, although the client has not read what was sent."""
        abort(self._send)

    async def send_events(
        self, chunks: AsyncIterator[bytes], headers: Callable[[], Iterable[Header]], keep_alive: float
    ) -> None:
        """
        Send the chunks of an event stream, and a comment whenever none has come for a while.

        The reply starts with the first of them: until then, an error of the chunks can have a status of its own.

        Args:
            chunks: The chunks. If they raise, the error is the caller's.
            headers: Returns further headers when the reply starts.
            keep_alive: Seconds without a chunk after which a comment is sent.
        """

        async def send(part: bytes) -> None:
            if not self.is_started:
                await self.start_stream((*STREAM_HEADERS, *headers()))
            await self.send_part(part)

        with contextlib.closing(_Comments(send, keep_alive)) as comments:
            async for chunk in chunks:
                await comments.pause()
                await send(chunk)
                comments.resume()


class _Comments:
    """Sends a comment whenever no chunk has come for a while, without a task for each chunk."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._check)
        self._sending: asyncio.Task[None] | None = None

    async def pause(self) -> None:
        """Send no comments until `resume`, because a chunk is sent. Waits for a comment that is being sent."""
        self._due = math.inf
        if self._sending is not None and not self._sending.done():
            await self._sending

    def resume(self) -> None:
        """Note that a chunk has been sent."""
        self._due = self._loop.time() + self._seconds

    def close(self) -> None:
        """Send no more comments."""
        self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()

    def _check(self) -> None:
        left = min(self._due - self._loop.time(), self._seconds)
        if left <= 0:
            if self._sending is None or self._sending.done():
                self._sending = self._loop.create_task(self._send_comment())
            self.resume()
            left = self._seconds
        self._timer = self._loop.call_later(left, self._check)

    async def _send_comment(self) -> None:
        with contextlib.suppress(OSError):  # the watch on the client ends the call
            await self._send(COMMENT)


_LARGE_NUMBER: Final = re.compile(rb"\d[eE]\+?\d{3}")
"""What a number of JSON looks like that may be too large for a float; the parser returns infinity for it."""


def _has_infinity(value: object) -> bool:
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    return isinstance(value, list) and any(map(_has_infinity, value))


def _cancel(task: asyncio.Task[Any], slow: list[bool]) -> None:
    """Cancel a task, and note that the time is over."""
    slow.append(True)
    task.cancel()
