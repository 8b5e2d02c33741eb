"""Send one attempt: encode, authorize, send, read, decode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from budwood.contracts import AsyncExchange, ConnectionHintProvider, Exchange, RemoteProvider
from budwood.engine.drivers.effects import Close, Flow, Invoke, Open, Read, ReadAll, Save
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.offers import streams
from budwood.errors import BadResponseError, ConnectionFailedError, ProviderError, UnsupportedError
from budwood.plugins import faults
from budwood.types import Credential, HTTPCall, HTTPReply

if TYPE_CHECKING:
    from pathlib import Path

    from budwood.engine.pipeline.call import Call

MAX_ERROR_BYTES: Final = 1024 * 1024
"""The maximum number of bytes that are read of an error's body: 1 MiB."""


def send(attempt: Attempt) -> Flow[Any]:
    """
    Send one request and read the complete reply; for streams see `budwood.engine.pipeline.streaming`.

    Raises:
        ProviderError: The request failed.
    """
    if attempt.endpoint.local is not None:
        from budwood.engine.pipeline.local import ask_local, generate_local

        if attempt.round.service.local:
            return (yield from generate_local(attempt, attempt.endpoint.local))
        return (yield from ask_local(attempt, attempt.endpoint.local))
    encoded = encode(attempt)
    if encoded.reply_to is not None:
        yield from _check_target(encoded.reply_to)
    exchange = yield from open_exchange(attempt, encoded)
    try:
        if not 200 <= exchange.head.status < 300:
            yield from raise_for_status(attempt, exchange)
        if encoded.reply_to is not None:
            reply = HTTPReply(exchange.head, b"", (yield Save(exchange, encoded.reply_to, encoded.max_file_bytes)))
        else:
            reply = HTTPReply(exchange.head, (yield ReadAll(exchange, encoded.max_reply_bytes)))
    finally:
        yield Close(exchange)
    return decode(attempt, reply)


def _check_target(path: Path) -> Flow[None]:
    from budwood.engine.drivers.reply_files import check_target  # not above: few programs save replies

    yield Invoke(lambda: check_target(path))


def encode(attempt: Attempt) -> HTTPCall:
    """
    Encode the request in the vendor's format.

    Raises:
        UnsupportedError: A parameter was adapted, and ``on_unsupported`` is ``"error"``.
    """
    attempt.encoded = encoded = encode_again(attempt)
    if encoded.adaptations:
        attempt.adapt(encoded.adaptations)
    return encoded


def encode_again(attempt: Attempt) -> HTTPCall:
    """Encode the request by the current rules, without recording adaptations."""
    service, source = attempt.round.service, attempt.endpoint.source
    if not service.encode:  # one of several steps
        step: HTTPCall = attempt.request
        return step
    encode_request = getattr(remote_provider(attempt), service.encode)
    encoded: object
    try:
        if service.takes_stream:
            stream = attempt.round.call.streamed and streams(attempt.target, service)
            encoded = encode_request(attempt.request, stream=stream)
        elif attempt.request is None:
            encoded = encode_request()
        else:
            encoded = encode_request(attempt.request)
    except BaseException as error:
        faults.encoding_boundary(source, service.encode).convert(error)
        raise
    if not isinstance(encoded, HTTPCall):
        raise faults.wrong_result(source, service.encode, encoded, HTTPCall)
    if attempt.endpoint.add_options is not None and (options := _list_options(attempt.round.call)):
        return attempt.endpoint.add_options(encoded, options)
    return encoded


def _list_options(call: Call) -> dict[str, str]:
    """Return the options that gateways take, without those that have their default."""
    options, defaults = call.options, type(call.options).model_fields
    passed = {} if call.label is None else {"label": call.label}
    if options.timeout != defaults["timeout"].default:
        passed["timeout"] = f"{call.seconds_left():.3f}"
    if options.on_unsupported != defaults["on_unsupported"].default:
        passed["on_unsupported"] = options.on_unsupported
    return passed


def decode(attempt: Attempt, reply: HTTPReply) -> Any:  # noqa: ANN401 - each service has its own result type
    """Decode a complete reply."""
    service, endpoint = attempt.round.service, attempt.endpoint
    if not service.decode:  # one of several steps, whose reply the provider reads
        return reply
    read = getattr(endpoint.remote, service.decode)
    try:
        result = read(reply) if attempt.request is None else read(attempt.request, reply)
    except BadResponseError:
        from budwood.engine.pipeline.unrequested_streams import decode_unrequested_stream  # few servers send these

        if (result := decode_unrequested_stream(attempt, reply)) is None:
            raise
    except BaseException as error:
        faults.DecodingBoundary(endpoint.source, service.decode, reply.body).convert(error)
        raise
    if not isinstance(result, service.result):
        raise faults.wrong_result(endpoint.source, service.decode, result, service.result)
    return result


def open_exchange(attempt: Attempt, encoded: HTTPCall, *, is_authorized: bool = True) -> Flow[Exchange | AsyncExchange]:
    """Send a request, with the credential unless it goes to another host, and wait for the response headers."""
    endpoint, call = attempt.endpoint, attempt.round.call
    if endpoint.missing_credential is not None:
        endpoint.check_credential()
    lease = endpoint.lease if attempt.lease is None else attempt.lease
    if endpoint.tokens is not None:
        lease = yield from endpoint.tokens.lease(call)
    attempt.lease = lease
    if lease is not None and is_authorized:
        encoded = _authorize(attempt, encoded, lease.credential)
    attempt.is_started = attempt.has_used_key = True
    if call.observers is not None and not attempt.number and (headers := call.observers.start_attempt(attempt)):
        from budwood.engine.accounting.observers import add_headers

        encoded = add_headers(encoded, headers) if is_authorized else encoded
    try:
        exchange: Exchange | AsyncExchange = yield Open(encoded, attempt.timing or call.timing)
    except ConnectionFailedError as error:
        provider = endpoint.remote
        with faults.call_boundary(endpoint.source, "connection_hint"):
            if isinstance(provider, ConnectionHintProvider) and error.retryable:
                error.hint = provider.connection_hint or error.hint
        raise
    attempt.head = exchange.head
    if endpoint.pool is not None:
        from budwood.engine.keys.flow import record_head

        record_head(attempt)
    return exchange


def _authorize(attempt: Attempt, encoded: HTTPCall, credential: Credential) -> HTTPCall:
    source = attempt.endpoint.source
    try:
        authorized: object = remote_provider(attempt).authorize(encoded, credential)
    except BaseException as error:
        faults.secret_boundary(source, "authorize").convert(error)
        raise
    if not isinstance(authorized, HTTPCall):
        raise faults.wrong_result(source, "authorize", authorized, HTTPCall)
    return authorized


def raise_for_status(attempt: Attempt, exchange: Exchange | AsyncExchange) -> Flow[NoReturn]:
    """
    Raise the error of a response whose status is not 2xx.

    Raises:
        ProviderError: The error of the provider for this status and body.
    """
    raise make_reply_error(attempt, HTTPReply(exchange.head, (yield from _read_error_body(exchange))))


def make_reply_error(attempt: Attempt, reply: HTTPReply) -> ProviderError:
    """Return the provider's error for a reply whose status is not 2xx."""
    source = attempt.endpoint.source
    error: object
    try:
        with faults.DecodingBoundary(source, "error", reply.body):
            error = remote_provider(attempt).error(reply)
    except ProviderError as unreadable:
        unreadable.status = unreadable.status or reply.status
        raise
    if not isinstance(error, ProviderError):
        raise faults.wrong_result(source, "error", error, ProviderError)
    return error


def _read_error_body(exchange: Exchange | AsyncExchange) -> Flow[bytes]:
    """Read an error's body up to the limit, or as much as arrives before the connection is lost."""
    body = b""
    try:
        while len(body) < MAX_ERROR_BYTES and (data := (yield Read(exchange))):
            body += data
    except ProviderError:  # the connection was lost; use what has arrived
        return body
    return body[:MAX_ERROR_BYTES]


def remote_provider(attempt: Attempt) -> RemoteProvider:
    """
    Return the provider of a vendor's API.

    Raises:
        UnsupportedError: The model runs inside this process.
    """
    provider = attempt.endpoint.remote
    if provider is None:
        raise UnsupportedError(f"{attempt.endpoint.name} runs inside this process and has no HTTP API.")
    return provider
