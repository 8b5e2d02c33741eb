"""
Send one request, again if need be.

A further policy has its place here: other keys, other endpoints and hedges are other attempts in the same ledger, under
the same deadline.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Final, TypeVar

from pydantic_core import PydanticSerializationError

from budwood.contracts import AsyncExchange, ConnectionHintProvider, Exchange, Provider
from budwood.engine.drivers.effects import Close, Flow, Open, Read, ReadAll, Save, Sleep
from budwood.engine.pipeline.call import Call, Written
from budwood.engine.pipeline.retries import pause_before_retry
from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    ConnectionFailedError,
    PromptError,
    ProviderError,
    UnsupportedError,
    UnsupportedParameterError,
)
from budwood.providing import clip
from budwood.types import (
    Adaptation,
    Answer,
    ChatRequest,
    ChatResponse,
    HTTPCall,
    HTTPReply,
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
            if _taught_by(error, call):
                waited = 0.0
                continue
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


def _taught_by(error: ProviderError, call: Call) -> bool:
    """Tell whether a refusal taught how to send the request right, which is then worth another attempt at once."""
    if not isinstance(error, UnsupportedParameterError):
        return False
    from budwood.engine.pipeline.learning import learns

    return learns(call, error)


def whole(call: Call, prepared: HTTPCall) -> Flow[HTTPReply]:
    """Send a call and read its whole reply; a reply that is not 2xx is raised as the provider's error."""
    exchange = yield from opened(call, prepared)
    try:
        yield from check_status(call, exchange)
        if prepared.reply_to is not None:
            return HTTPReply(exchange.head, b"", (yield Save(exchange, prepared.reply_to, prepared.max_file_bytes)))
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
        reply = call.endpoint.scrubbed(HTTPReply(exchange.head, (yield from _error_body(exchange))))
        with reading():
            error = remote_provider(call).error(reply)
        raise error


def _error_body(exchange: Exchange | AsyncExchange) -> Flow[bytes]:
    """Read what there is of an error's body, no further than its limit: the status tells most of it."""
    body = b""
    try:
        while len(body) < MAX_ERROR_BYTES and (data := (yield Read(exchange))):
            body += data
    except ProviderError:  # the connection broke; what is known is known
        return body
    return body[:MAX_ERROR_BYTES]


class _Reading:
    """Blames a reply in a form that nobody foresaw on the server, instead of crashing."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, AttributeError | IndexError | KeyError | TypeError | ValueError):
            raise BadResponseError(
                f"The reply is not in the form that the API promises: {type(error).__name__}: {clip(str(error), 200)}."
            ) from error


class _Writing:
    """Blames text that no JSON can hold on whoever gave it."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, UnicodeEncodeError | PydanticSerializationError):
            raise PromptError(
                f"The request holds what cannot be sent: {clip(str(error), 200)}.",
                hint='Unicode has no halves of characters; text.encode("utf-8", "replace") drops them.',
            ) from error


_READING: Final = _Reading()
_WRITING: Final = _Writing()


def reading() -> _Reading:
    """Return what stands around the reading of a reply."""
    return _READING


def writing() -> _Writing:
    """Return what stands around the writing of a request."""
    return _WRITING


def ask_whole(call: Call, request: ChatRequest) -> Flow[ChatResponse]:
    """Ask once, and wait for the whole reply."""
    if call.endpoint.local is not None:
        from budwood.engine.pipeline.local import ask_local

        return (yield from ask_local(call, call.endpoint.local, request))
    reply = yield from whole(call, encode(call, request, stream=False))
    with reading():
        return remote_provider(call).decode(request, reply)


def encode(call: Call, request: ChatRequest, *, stream: bool) -> HTTPCall:
    """
    Write the request in the vendor's form.

    Raises:
        UnsupportedError: Something could not be sent as given, and the caller wants that to be an error.
    """
    provider = remote_provider(call)  # the closure must not hold the call, which holds it: a cycle is freed late
    return written(call, request, lambda: provider.encode(request, stream=stream))


def written(call: Call, request: ChatRequest | None, encode: Callable[[], HTTPCall]) -> HTTPCall:
    """Write a request, and keep it in mind in case the server refuses a parameter of it; see `encode`."""
    with writing():
        prepared = encode()
    call.written = Written(request, prepared.body, encode) if request is not None else None
    note(call, prepared.adaptations)
    return prepared


def note(call: Call, adaptations: tuple[Adaptation, ...]) -> None:
    """
    Keep the receipts of an encoder, and do about them what the caller wants.

    Raises:
        UnsupportedError: The caller wants everything sent as given.
    """
    if not adaptations:
        return
    call.note(adaptations)
    if call.options.on_unsupported == "adapt":
        return
    said = "; ".join(f"{receipt.parameter}: {receipt.reason}" for receipt in adaptations)
    if call.options.on_unsupported == "error":
        raise UnsupportedError(
            f"{call.endpoint.name}/{call.model} does not take all parameters as given. {said}.",
            hint='Leave them out, or pass on_unsupported="adapt".',
        )
    warnings.warn(f"{call.endpoint.name}/{call.model}: {said}", UserWarning, stacklevel=2)


def remote_provider(call: Call) -> Provider:
    """
    Return the provider that speaks to a vendor.

    Raises:
        UnsupportedError: The model runs inside this process.
    """
    if call.endpoint.remote is None:
        raise UnsupportedError(f"{call.endpoint.name} runs inside this process and has no HTTP API.")
    return call.endpoint.remote
