"""
Send one request, again if need be.

A further policy has its place here: other keys, other endpoints and hedges are other attempts in the same ledger, under
the same deadline.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from pydantic_core import PydanticSerializationError

from budwood.contracts import AsyncExchange, ConnectionHintProvider, Exchange, Provider
from budwood.engine.assembly import ResponseBuilder
from budwood.engine.call import Answer, Call
from budwood.engine.effects import Close, Emit, Flow, Invoke, Open, Read, ReadAll, Sleep
from budwood.engine.local import local_events
from budwood.engine.retrying import pause_before_retry
from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    ConnectionFailedError,
    PromptError,
    ProviderError,
    ResponseTooLargeError,
    StreamInterruptedError,
    UnsupportedError,
)
from budwood.providing import calls_before, clip
from budwood.types import (
    CONTENT_EVENTS,
    Adaptation,
    ChatRequest,
    ChatResponse,
    HTTPCall,
    HTTPReply,
    StreamEvent,
)

T = TypeVar("T")

MAX_ERROR_BYTES = 1024 * 1024
"""An error's body is read up to 1 MiB."""


def repeated(call: Call, send: Callable[[], Flow[T]]) -> Flow[T]:
    """Send until it succeeds or the error is the caller's; write every attempt into the ledger."""
    waited = 0.0
    failures = 0
    while True:
        started = call.clock.monotonic()
        try:
            result = yield from send()
        except ProviderError as error:
            call.endpoint.scrub(error.located(call.endpoint.name, call.model))
            if isinstance(error, AuthenticationError) and call.endpoint.tokens is not None:
                error.retryable = call.endpoint.tokens.refused()  # a token may be taken back before it expires
            call.record(started, waited, error)
            failures += 1
            pause = pause_before_retry(call, error, failures)
            if pause is None:
                error.attempts = tuple(call.ledger)
                raise
            waited = pause
        else:
            call.record(started, waited, result if isinstance(result, Answer) else None)
            return result
        yield Sleep(waited)


def whole(call: Call, prepared: HTTPCall) -> Flow[HTTPReply]:
    """Send a call and read its whole reply; a reply that is not 2xx is raised as the provider's error."""
    exchange = yield from opened(call, prepared)
    try:
        yield from check_status(call, exchange)
        return HTTPReply(exchange.head, (yield ReadAll(exchange, prepared.max_reply_bytes)))
    finally:
        yield Close(exchange)


def opened(call: Call, prepared: HTTPCall) -> Flow[Exchange | AsyncExchange]:
    """Send a call; where nobody answers, the vendor may know what helps."""
    authorized = yield from call.endpoint.authorized(prepared, call.clock.time())
    try:
        exchange: Exchange | AsyncExchange = yield Open(authorized, call.timing)
    except ConnectionFailedError as error:
        provider = call.endpoint.remote
        if isinstance(provider, ConnectionHintProvider) and error.retryable:
            error.hint = provider.connection_hint or error.hint
        raise
    return exchange


def check_status(call: Call, exchange: Exchange | AsyncExchange) -> Flow[None]:
    """
    See that a reply is 2xx.

    Raises:
        ProviderError: It is not; the provider says what that means.
    """
    if not exchange.head.ok:
        body = yield from _error_body(exchange)
        raise _error(remote_provider(call), call, HTTPReply(exchange.head, body))


def _error_body(exchange: Exchange | AsyncExchange) -> Flow[bytes]:
    """Read what there is of an error's body, no further than its limit: the status tells most of it."""
    body = b""
    try:
        while len(body) < MAX_ERROR_BYTES and (data := (yield Read(exchange))):
            body += data
    except ProviderError:  # the connection broke; what is known is known
        return body
    return body[:MAX_ERROR_BYTES]


@contextmanager
def reading() -> Iterator[None]:
    """Blame a reply in a form that nobody foresaw on the server, instead of crashing."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BadResponseError(
            f"The reply is not in the form that the API promises: {type(error).__name__}: {clip(str(error), 200)}."
        ) from error


@contextmanager
def writing() -> Iterator[None]:
    """Blame text that no JSON can hold on whoever gave it."""
    try:
        yield
    except (UnicodeEncodeError, PydanticSerializationError) as error:
        raise PromptError(
            f"The request holds what cannot be sent: {clip(str(error), 200)}.",
            hint='Unicode has no halves of characters; text.encode("utf-8", "replace") drops them.',
        ) from error


def _error(provider: Provider, call: Call, reply: HTTPReply) -> ProviderError:
    reply = call.endpoint.scrubbed(reply)
    with reading():
        return provider.error(reply)


def ask_whole(call: Call, request: ChatRequest) -> Flow[ChatResponse]:
    """Ask once, and wait for the whole reply."""
    local = call.endpoint.local
    if local is not None:
        builder = ResponseBuilder(calls_before(request))
        builder.add((yield Invoke(lambda: list(local_events(call, local, request)), inline=call.endpoint.inline)))
        return builder.build()
    reply = yield from whole(call, encode(call, request, stream=False))
    with reading():
        return remote_provider(call).decode(request, reply)


def ask_streamed(call: Call, request: ChatRequest) -> Flow[ChatResponse]:
    """Ask once, and emit the events of the reply as they come."""
    reader = _StreamReader(calls_before(request))
    local = call.endpoint.local
    try:
        if local is None:
            yield from _remote_events(call, request, reader)
        else:
            yield from _local_events(local_events(call, local, request), reader, inline=call.endpoint.inline)
    except StreamInterruptedError as error:
        raise _interrupted(error, reader) from error.__cause__
    except ProviderError as error:
        if not reader.committed:
            raise
        raise _interrupted(error, reader) from error
    with reading():
        return reader.builder.build()


def encode(call: Call, request: ChatRequest, *, stream: bool) -> HTTPCall:
    """
    Write the request in the vendor's form.

    Raises:
        UnsupportedError: Something could not be sent as given, and the caller wants that to be an error.
    """
    with writing():
        prepared = remote_provider(call).encode(request, stream=stream)
    note(call, prepared.adaptations)
    return prepared


def note(call: Call, adaptations: tuple[Adaptation, ...]) -> None:
    """
    Keep the receipts of an encoder, and do about them what the caller wants.

    Raises:
        UnsupportedError: The caller wants everything sent as given.
    """
    call.note(adaptations)
    if not adaptations or call.options.on_unsupported == "adapt":
        return
    said = "; ".join(f"{receipt.parameter}: {receipt.reason}" for receipt in adaptations)
    if call.options.on_unsupported == "error":
        raise UnsupportedError(
            f"{call.endpoint.name}/{call.model} does not take all parameters as given. {said}.",
            hint='Leave them out, or pass on_unsupported="adapt".',
        )
    warnings.warn(f"{call.endpoint.name}/{call.model}: {said}", UserWarning, stacklevel=2)


class _StreamReader:
    """
    Gathers the events of one streamed reply.

    What comes before the first content is held back: until then the attempt can fail unseen and be repeated.
    """

    def __init__(self, earlier: int) -> None:
        self.builder = ResponseBuilder(earlier)
        self.committed = False
        self._held: list[StreamEvent] = []

    def take(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Take events in; return those that may be shown now."""
        self.builder.add(events)
        if self.committed:
            return events
        self._held.extend(events)
        if any(isinstance(event, CONTENT_EVENTS) for event in events):
            self.committed = True
            return self.release()
        return []

    def release(self) -> list[StreamEvent]:
        """Return what was held back."""
        held, self._held = self._held, []
        return held


def _remote_events(call: Call, request: ChatRequest, reader: _StreamReader) -> Flow[None]:
    provider = remote_provider(call)
    prepared = encode(call, request, stream=True)
    exchange = yield from opened(call, prepared)
    try:
        yield from check_status(call, exchange)
        decoder = provider.decoder(request, exchange.head)
        left = prepared.max_reply_bytes
        while data := (yield Read(exchange)):
            left -= len(data)
            if left < 0:
                raise ResponseTooLargeError(f"The stream is longer than {prepared.max_reply_bytes:,} bytes.")
            with reading():
                shown = reader.take(list(decoder.feed(data)))
            if shown:
                yield Emit(shown)
        with reading():
            shown = reader.take(list(decoder.close()))
    finally:
        yield Close(exchange)
    if not reader.builder.finished:
        raise StreamInterruptedError("The stream ended without saying why the reply is complete.")
    yield Emit(shown or reader.release())


def _local_events(events: Iterator[StreamEvent], reader: _StreamReader, *, inline: bool) -> Flow[None]:
    try:
        while batch := (yield Invoke(lambda: list(islice(events, 1)), inline=inline)):
            shown = reader.take(batch)
            if shown:
                yield Emit(shown)
        if held := reader.release():
            yield Emit(held)
    finally:
        yield Invoke(lambda: _close(events), inline=inline)


def _close(events: Iterator[StreamEvent]) -> None:
    """Let a local model stop in mid-reply."""
    if isinstance(events, Generator):
        events.close()


def _interrupted(error: ProviderError, reader: _StreamReader) -> StreamInterruptedError:
    """Hand over what had arrived; a stream that the caller has seen part of is not repeated."""
    with reading():
        arrived = reader.builder.build() if reader.committed else None
    interrupted = StreamInterruptedError(
        f"The stream was interrupted: {error.message}" if type(error) is not StreamInterruptedError else error.message,
        response=arrived,
        hint=error.hint,
        code=error.code,
        retryable=error.retryable and not reader.committed,
    )
    interrupted.status = error.status
    interrupted.request_id = error.request_id
    return interrupted


def remote_provider(call: Call) -> Provider:
    """
    Return the provider that speaks to a vendor.

    Raises:
        UnsupportedError: The model runs inside this process.
    """
    if call.endpoint.remote is None:
        raise UnsupportedError(f"{call.endpoint.name} runs inside this process and has no HTTP API.")
    return call.endpoint.remote
