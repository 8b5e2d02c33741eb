"""A transport that returns scripted replies, for tests without a network."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from budwood.contracts import Clock
from budwood.errors import ConnectionFailedError
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood.wire.uploads import read_body
from budwood_testing.exchanges import ReadStep, collect, wait, wait_async
from budwood_testing.forms import ParsedField, parse_form


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """
    One reply of a script.

    Attributes:
        status: The HTTP status.
        headers: The headers, with names in lower case.
        chunks: The chunks of the body.
        failure: Raised after the last chunk, or instead of the reply if ``status`` is 0.
        delay: Seconds until the reply starts.
    """

    status: int
    headers: Mapping[str, str]
    chunks: tuple[bytes, ...]
    failure: BaseException | None = None
    delay: float = 0.0


@dataclass
class ScriptedTransport:
    """
    Returns scripted replies in order, and records the calls. For `Client`; see `asynchronous` for `AsyncClient`.

    Attributes:
        calls: The calls that were sent.
        bodies: The bodies that were sent, including the content of files.
        timings: The timing of each call.
        abandoned: The number of replies that were closed before their end.
        clock: The clock of the client, for delays and timeouts.
    """

    calls: list[HTTPCall] = field(default_factory=list, repr=False)  # a test may have thousands
    timings: list[Timing] = field(default_factory=list, repr=False)
    bodies: list[bytes] = field(default_factory=list, repr=False)
    abandoned: int = 0
    clock: Clock | None = None
    _script: deque[ScriptedReply | Callable[[HTTPCall], ScriptedReply]] = field(default_factory=deque, repr=False)

    def reply(
        self,
        status: int = 200,
        body: object = b"",
        *,
        headers: Mapping[str, str] | None = None,
        chunks: Iterable[bytes] | None = None,
        failure: BaseException | None = None,
        delay: float = 0.0,
    ) -> Self:
        """
        Add a reply.

        Args:
            status: The HTTP status.
            body: Bytes, text, or a JSON value.
            headers: The headers.
            chunks: The body in chunks, instead of ``body``.
            failure: An exception to raise after the body.
            delay: Seconds until the reply starts, on the clock of the script; ``math.inf`` for a reply that never does.
        """
        parts = tuple(chunks) if chunks is not None else (_bytes(body),)
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        self._script.append(ScriptedReply(status, lower, tuple(filter(None, parts)), failure, delay))
        return self

    def fail(self, error: BaseException | None = None) -> Self:
        """Add an error instead of a reply, by default a broken connection."""
        error = error or ConnectionFailedError("The connection broke.")
        self._script.append(ScriptedReply(0, {}, (), error))
        return self

    def answer(self, function: Callable[[HTTPCall], ScriptedReply]) -> Self:
        """Add a function that returns the reply for the call."""
        self._script.append(function)
        return self

    def open(self, call: HTTPCall, timing: Timing) -> ScriptedExchange:
        """Return the next reply; see `budwood.contracts.Transport`."""
        reply = self.next_reply(call, timing)
        wait(self.delay_of(reply), timing, self.clock, started=False)
        return self.start(reply)

    def next_reply(self, call: HTTPCall, timing: Timing) -> ScriptedReply:
        """
        Record a call, and return the next reply of the script.

        Raises:
            PromptError: A file of the body cannot be read.
        """
        body = read_body(call.body)
        self.calls.append(call)
        self.timings.append(timing)
        self.bodies.append(body)
        if not self._script:
            raise AssertionError(f"the script has no reply left for {call!r}")
        step = self._script.popleft()
        return step(call) if callable(step) else step

    def delay_of(self, reply: ScriptedReply) -> ReadStep:
        """Return the delay until a reply starts."""
        if reply.delay and self.clock is None:
            raise AssertionError("a script with a delay needs a clock: pass ScriptedTransport(clock=…)")
        return ReadStep(b"", reply.delay)

    def start(self, reply: ScriptedReply) -> ScriptedExchange:
        """Start a reply, or raise the failure that replaces it."""
        if reply.status == 0 and reply.failure is not None:
            raise reply.failure
        return ScriptedExchange(self, reply)

    def interrupt(self, thread: int) -> None:
        """Do nothing: scripted replies do not block."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    @property
    def asynchronous(self) -> AsyncScriptedTransport:
        """The same script for `AsyncClient`."""
        return AsyncScriptedTransport(self)

    def sent(self, number: int = -1) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON body of a call, by default of the last one; for forms see `sent_form`."""
        return json.loads(self.bodies[number])

    def sent_form(self, number: int = -1) -> list[ParsedField]:
        """Return the fields of the multipart form of a call, including the content of files."""
        return parse_form(self.calls[number].headers, self.bodies[number])


@dataclass
class ScriptedExchange:
    """The exchange of a scripted reply; see `budwood.contracts.Exchange`."""

    transport: ScriptedTransport
    reply: ScriptedReply

    def __post_init__(self) -> None:
        self.head = ReplyHead(self.reply.status, self.reply.headers)
        self._remaining = deque(self.reply.chunks)
        self._closed = False

    def read(self) -> bytes:
        """Return the next chunk."""
        if self._remaining:
            return self._remaining.popleft()
        if self.reply.failure is not None:
            raise self.reply.failure
        return b""

    def read_all(self, limit: int) -> bytes:
        """Return the complete body."""
        return collect(self.read, limit)

    def close(self) -> None:
        """Close the exchange; count the reply as abandoned if it was not read to its end."""
        if not self._closed and self._remaining:
            self.transport.abandoned += 1
        self._closed = True


@dataclass
class AsyncScriptedTransport:
    """A script for `AsyncClient`."""

    script: ScriptedTransport

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncScriptedExchange:
        """Return the next reply."""
        script = self.script
        reply = script.next_reply(call, timing)
        await wait_async(script.delay_of(reply), timing, script.clock, started=False)
        return AsyncScriptedExchange(script.start(reply))

    async def close(self) -> None:
        """Do nothing."""


class AsyncScriptedExchange:
    """The exchange of a scripted reply, for `AsyncClient`."""

    def __init__(self, exchange: ScriptedExchange) -> None:
        self._exchange = exchange
        self.head = exchange.head

    async def read(self) -> bytes:
        """Return the next chunk."""
        return self._exchange.read()

    async def read_all(self, limit: int) -> bytes:
        """Return the complete body."""
        return self._exchange.read_all(limit)

    async def close(self) -> None:
        """Close the exchange; count the reply as abandoned if it was not read to its end."""
        self._exchange.close()


def sse(*events: object, done: bool = True) -> list[bytes]:
    """Encode each JSON value as a server-sent event, followed by ``[DONE]`` unless ``done`` is false."""
    encoded = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return [*encoded, b"data: [DONE]\n\n"] if done else encoded


def chat_reply(text: str = "", **changes: object) -> dict[str, Any]:
    """Create a Chat Completions reply; ``changes`` replace fields of the message, ``finish_reason`` and ``usage``."""
    finish_reason = changes.pop("finish_reason", "stop")
    usage = changes.pop("usage", {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12})
    message = {"role": "assistant", "content": text, **changes}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": usage,
    }


def chat_chunks(texts: Sequence[str], *, finish_reason: str | None = "stop") -> list[dict[str, Any]]:
    """Create the chunks of a streamed Chat Completions reply, with usage at the end."""
    chunks: list[dict[str, Any]] = [
        {"id": "chatcmpl-1", "model": "scripted", "choices": [{"index": 0, "delta": {"content": text}}]}
        for text in texts
    ]
    if finish_reason:
        chunks.append({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
        chunks.append(
            {"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": len(texts)}}
        )
    return chunks


def _bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
