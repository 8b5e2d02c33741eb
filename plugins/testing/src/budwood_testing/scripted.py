"""A transport that plays a script: for tests of programs and plugins, without a network."""

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
from budwood_testing.exchanges import Beat, gathered, wait, wait_async
from budwood_testing.forms import SentField, read_form


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """
    One reply of a script.

    Attributes:
        status: The HTTP status.
        headers: Their names in lower case.
        chunks: The body, in the pieces in which it arrives.
        failure: Raised after the last piece, or instead of a reply where ``status`` is 0.
        pause: Seconds until the reply begins.
    """

    status: int
    headers: Mapping[str, str]
    chunks: tuple[bytes, ...]
    failure: BaseException | None = None
    pause: float = 0.0


@dataclass
class ScriptedTransport:
    """
    Replies as it was told, in order, and remembers the calls. Serves `Client`; for `AsyncClient` see `asynchronous`.

    Attributes:
        calls: What was sent.
        bodies: The bodies that were sent, with the content of their files.
        timings: How long each could take.
        abandoned: How many replies were closed before their end.
        clock: Lets the pauses of a script pass, and ends calls that take too long: the client's.
    """

    calls: list[HTTPCall] = field(default_factory=list, repr=False)  # a test may make thousands
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
        pause: float = 0.0,
    ) -> Self:
        """
        Add a reply.

        Args:
            status: The HTTP status.
            body: Bytes, text, or whatever JSON can express.
            headers: Sent with it.
            chunks: The body in pieces, in place of ``body``.
            failure: Raised after the body.
            pause: Seconds until the reply begins, by the script's clock; ``math.inf`` if it never does.
        """
        pieces = tuple(chunks) if chunks is not None else (_bytes(body),)
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        self._script.append(ScriptedReply(status, lower, tuple(filter(None, pieces)), failure, pause))
        return self

    def fail(self, error: BaseException | None = None) -> Self:
        """Add a failure in place of a reply, by default a broken connection."""
        error = error or ConnectionFailedError("The connection broke.")
        self._script.append(ScriptedReply(0, {}, (), error))
        return self

    def answer(self, function: Callable[[HTTPCall], ScriptedReply]) -> Self:
        """Add a reply that depends on the call."""
        self._script.append(function)
        return self

    def open(self, call: HTTPCall, timing: Timing) -> ScriptedExchange:
        """Play the next reply; see `budwood.contracts.Transport`."""
        reply = self.next_reply(call, timing)
        wait(self.pause_of(reply), timing, self.clock, begun=False)
        return self.begin(reply)

    def next_reply(self, call: HTTPCall, timing: Timing) -> ScriptedReply:
        """
        Remember a call, and return what the script has for it.

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

    def pause_of(self, reply: ScriptedReply) -> Beat:
        """Return the time until a reply begins."""
        if reply.pause and self.clock is None:
            raise AssertionError("a script with a pause needs a clock: ScriptedTransport(clock=…)")
        return Beat(b"", reply.pause)

    def begin(self, reply: ScriptedReply) -> ScriptedExchange:
        """Begin a reply, or raise the failure in its place."""
        if reply.status == 0 and reply.failure is not None:
            raise reply.failure
        return ScriptedExchange(self, reply)

    def interrupt(self, thread: int) -> None:
        """Do nothing: a script does not block."""

    def close(self) -> None:
        """Do nothing: a script holds no connection."""

    @property
    def asynchronous(self) -> AsyncScriptedTransport:
        """The same script for `AsyncClient`."""
        return AsyncScriptedTransport(self)

    def sent(self, number: int = -1) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON of one call's body, by default the last one's; for forms see `sent_form`."""
        return json.loads(self.bodies[number])

    def sent_form(self, number: int = -1) -> list[SentField]:
        """Return the fields of one call's form (``multipart/form-data``), with the content of its files."""
        return read_form(self.calls[number].headers, self.bodies[number])


@dataclass
class ScriptedExchange:
    """One scripted reply under way; see `budwood.contracts.Exchange`."""

    transport: ScriptedTransport
    reply: ScriptedReply

    def __post_init__(self) -> None:
        self.head = ReplyHead(self.reply.status, self.reply.headers)
        self._left = deque(self.reply.chunks)
        self._closed = False

    def read(self) -> bytes:
        """Return the next piece."""
        if self._left:
            return self._left.popleft()
        if self.reply.failure is not None:
            raise self.reply.failure
        return b""

    def read_all(self, limit: int) -> bytes:
        """Return the whole body."""
        return gathered(self.read, limit)

    def close(self) -> None:
        """Note whether the reply was read to its end."""
        if not self._closed and self._left:
            self.transport.abandoned += 1
        self._closed = True


@dataclass
class AsyncScriptedTransport:
    """A script for `AsyncClient`."""

    script: ScriptedTransport

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncScriptedExchange:
        """Play the next reply."""
        script = self.script
        reply = script.next_reply(call, timing)
        await wait_async(script.pause_of(reply), timing, script.clock, begun=False)
        return AsyncScriptedExchange(script.begin(reply))

    async def close(self) -> None:
        """Do nothing."""


class AsyncScriptedExchange:
    """One scripted reply under way, for `AsyncClient`."""

    def __init__(self, exchange: ScriptedExchange) -> None:
        self._exchange = exchange
        self.head = exchange.head

    async def read(self) -> bytes:
        """Return the next piece."""
        return self._exchange.read()

    async def read_all(self, limit: int) -> bytes:
        """Return the whole body."""
        return self._exchange.read_all(limit)

    async def close(self) -> None:
        """Note whether the reply was read to its end."""
        self._exchange.close()


def sse(*events: object, done: bool = True) -> list[bytes]:
    """Write events of a stream: each JSON value as one ``data:`` event, and ``[DONE]`` after them."""
    written = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return [*written, b"data: [DONE]\n\n"] if done else written


def chat_reply(text: str = "", **changes: object) -> dict[str, Any]:
    """Make a reply of Chat Completions; ``changes`` go into its message, or replace ``finish_reason`` and ``usage``."""
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
    """Make the chunks of a streamed reply of Chat Completions, with usage at the end."""
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
