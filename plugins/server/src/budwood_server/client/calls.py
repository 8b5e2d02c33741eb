"""The rules of a call: what is sent, how often, and what becomes of errors."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Final, TypeVar

from budwood.contracts import Clock
from budwood.errors import ProviderError
from budwood.types import HTTPCall, HTTPReply, ReplyHead, Timing
from budwood.wire import SSEDecoder
from budwood_server.client.credentials import Credential
from budwood_server.client.effects import Emit, Fetch, Flow, Invoke, Open, Read, Sleep
from budwood_server.client.errors import (
    IN_PROGRESS,
    NO_KEYS,
    AuthenticationError,
    ConnectionFailedError,
    NetworkError,
    convert_network_error,
    make_error,
)
from budwood_server.client.requests import Request, StreamRequest

T = TypeVar("T")

CLIENT: Final = "x-budwood-client"
"""The header by which the server counts calls of its clients."""

BASE_SECONDS: Final = 0.5
MAX_SECONDS: Final = 8.0
"""The delay is random between zero and 0.5 s, a limit that doubles with each failure up to 8 s."""

UNLIMITED: Final = 10 * 365 * 86_400.0
"""Seconds for a stream that has no end."""

RECONNECT_SECONDS: Final = 1.0
"""The delay before a stream is opened again."""

_UNPROCESSED: Final = frozenset({408, 425, 429, 503})
"""Statuses that say that a request was not carried out."""

_NOT_FOUND: Final = 404
_SERVER_ERRORS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """
    What all calls of a client have in common.

    Attributes:
        url: The URL of the server, without a path of an API and without a slash at its end.
        credential: Who sends the calls; None for those that need no credential.
        timeout: Seconds for a call with its retries.
        connect_timeout: Seconds to connect.
        idle_timeout: Seconds without data after which a reply counts as lost.
        retries: How often a failed request is sent again.
        max_retry_after: The longest delay in seconds that the server may ask for.
        clock: The clock.
        client: What the header `CLIENT` says.
        random: Makes delays random.
    """

    url: str
    credential: Credential | None
    clock: Clock
    timeout: float = 600.0
    connect_timeout: float = 10.0
    idle_timeout: float = 120.0
    retries: int = 2
    max_retry_after: float = 120.0
    client: str = field(default_factory=lambda: f"budwood-python/{version('budwood')}")
    random: random.Random = field(default_factory=random.Random)

    def start_timing(self, seconds: float) -> Timing:
        """Return the limits of a call that starts now."""
        deadline = self.clock.monotonic() + seconds
        return Timing(connect_timeout=self.connect_timeout, idle_timeout=self.idle_timeout, deadline=deadline)


def fetch(connection: Connection, request: Request[T]) -> Flow[T]:
    """
    Send a request, and return its reply.

    Raises:
        APIError: The server answered with an error.
        NetworkError: There is no answer.
    """
    timing = connection.start_timing(connection.timeout if request.timeout is None else request.timeout)
    may_have_acted = False

    def send(call: HTTPCall) -> Flow[bytes]:
        nonlocal may_have_acted
        try:
            reply: HTTPReply = yield Fetch(call, timing)
            if not reply.head.ok:
                raise make_error(reply.head, reply.body)
        except ProviderError as error:
            if may_have_acted and request.method == "DELETE" and error.status == _NOT_FOUND:
                return b""  # an attempt before, whose reply was lost, has removed it
            may_have_acted = may_have_acted or _may_have_acted(error)
            raise
        return reply.body

    body = yield from send_with_retries(connection, request, timing, send)
    return request.read(body)


def fetch_steps(connection: Connection, requests: Generator[Request[Any], Any, T]) -> Flow[T]:
    """Send requests one after the other, each made from the replies before it, and return the result."""
    try:
        request = next(requests)
        while True:
            request = requests.send((yield from fetch(connection, request)))
    except StopIteration as stop:
        result: T = stop.value
        return result


def stream(connection: Connection, source: StreamRequest[T]) -> Flow[None]:
    """
    Send a request, and emit the events of its reply.

    A stream that is reopened is continued after the last event with an id.

    Raises:
        APIError: The server answered with an error, also in the stream.
        NetworkError: There is no answer, or the stream broke and is not reopened.
    """
    request = source.request
    timing = connection.start_timing(UNLIMITED if request.timeout is None else request.timeout)

    def start(call: HTTPCall) -> Flow[ReplyHead]:
        head: ReplyHead = yield Open(call, timing)
        yield from check_head(head)
        return head

    last_id: str | None = None
    while True:
        head = yield from send_with_retries(connection, _after(request, last_id), timing, start)
        place = _Place(last_id)
        try:
            yield from _read_events(source, head, place)
        except ProviderError as error:
            converted = convert_network_error(error)
            if not isinstance(converted, NetworkError) or not source.is_reopened:
                raise converted from (None if converted is error else error)
        if place.is_end:
            return
        last_id = place.last_id
        yield Sleep(RECONNECT_SECONDS)


@dataclass(slots=True)
class _Place:
    """How far a stream was read: the id of its last event, and whether it has ended."""

    last_id: str | None
    is_end: bool = False


def _read_events(source: StreamRequest[Any], head: ReplyHead, place: _Place) -> Flow[None]:
    """Emit the events of the open stream."""
    decoder, data = SSEDecoder(), b"."
    while data:
        data = yield Read()
        for event in decoder.feed(data) if data else decoder.close():
            if (item := source.decode(head, event)) is not None:
                yield Emit((item,))  # one by one, since a later one may be an error
            place.last_id = event.id or place.last_id
            if event.event == source.last_event:
                place.is_end = True
                return
    _check_end(source)


def _check_end(source: StreamRequest[Any]) -> None:
    """Check that a stream may end without its last event."""
    if source.last_event is not None and not source.is_reopened:
        error = ConnectionFailedError("The stream ended before the reply was complete.", hint="Send the call again.")
        error.retryable = False
        raise error


def send_with_retries(
    connection: Connection, request: Request[Any], timing: Timing, send: Callable[[HTTPCall], Flow[T]]
) -> Flow[T]:
    """
    Run ``send``, retrying transient errors.

    Args:
        connection: What the calls of the client have in common.
        request: The request.
        timing: The limits of the call with its retries.
        send: Sends the call of one attempt, and returns its result.
    """
    failed_attempts, is_renewed = 0, False
    while True:
        token = yield from _find_token(connection.credential)
        try:
            return (yield from send(make_call(connection, request, token)))
        except ProviderError as failure:
            error = convert_network_error(failure)
            cause = None if error is failure else failure
        if isinstance(error, AuthenticationError) and not is_renewed and _discard(connection.credential, token):
            is_renewed = True
            continue
        if error.code == NO_KEYS and request.is_key_optional and request.idempotency_key is not None:
            request = request.without_key()
            continue
        if error.code != IN_PROGRESS:  # the earlier attempt is waited for until the deadline
            failed_attempts += 1
        delay = _find_delay(connection, request, error, failed_attempts)
        if delay is None or connection.clock.monotonic() + delay >= timing.deadline:
            raise error from cause
        yield Sleep(delay)


def make_call(connection: Connection, request: Request[Any], token: str | None) -> HTTPCall:
    """Return a request as the transport sends it."""
    headers, body = request.encode_body()
    headers |= {CLIENT: connection.client, "accept": "application/json", **request.headers}
    if request.idempotency_key is not None:
        headers["idempotency-key"] = request.idempotency_key
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return HTTPCall(method=request.method, url=f"{connection.url}{request.target}", headers=headers, body=body)


def _find_token(credential: Credential | None) -> Flow[str | None]:
    if credential is None:
        return None
    token = credential.find_token()
    if token is None:
        token = yield Invoke(credential.renew)
    return token


def _discard(credential: Credential | None, token: str | None) -> bool:
    """Forget a token that the server has refused; return whether another one may be accepted."""
    return credential is not None and token is not None and credential.discard(token)


def _find_delay(
    connection: Connection, request: Request[Any], error: ProviderError, failed_attempts: int
) -> float | None:
    """Return the seconds before the next attempt; None if there is none."""
    is_lost = getattr(error, "is_unsent", False) or (request.idempotency_key is not None and error.status is None)
    is_unprocessed = error.status in _UNPROCESSED or error.code == IN_PROGRESS
    may_repeat = request.is_safe or is_lost or is_unprocessed
    if not error.retryable or not may_repeat or failed_attempts > connection.retries:
        return None
    if error.retry_after is not None:
        return max(error.retry_after, 0.0) if error.retry_after <= connection.max_retry_after else None
    return connection.random.uniform(0.0, min(MAX_SECONDS, BASE_SECONDS * 2 ** max(failed_attempts - 1, 0)))


def _may_have_acted(error: ProviderError) -> bool:
    """Tell whether the server may have carried out a request that failed: there was no reply, or one of a proxy."""
    if error.status is None:
        return not getattr(error, "is_unsent", False)
    return error.status >= _SERVER_ERRORS and error.status not in _UNPROCESSED


def _after(request: Request[T], last_id: str | None) -> Request[T]:
    return request if last_id is None else replace(request, headers={**request.headers, "last-event-id": last_id})


def check_head(head: ReplyHead) -> Flow[None]:
    """
    Check the head of the open reply.

    Raises:
        APIError: It is an error, whose body has been read up to a limit.
    """
    if head.ok:
        return
    body = b""
    while len(body) < 100_000 and (data := (yield Read())):
        body += data
    raise make_error(head, body)
