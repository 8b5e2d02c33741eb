"""
The fault matrix: what a call does after each fault of an endpoint.

This module is data. `test_matrix` runs every cell with real servers, and `page` prints the table for the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Mode = Literal["plain", "streamed"]
Single = Literal["retried", "raised", "interrupted", "answered"]
Several = Literal["at once", "after retries", "never", "interrupted", "answered"]

BOTH: Final[tuple[Mode, ...]] = ("plain", "streamed")
PLAIN: Final[tuple[Mode, ...]] = ("plain",)
STREAMED: Final[tuple[Mode, ...]] = ("streamed",)

ATTEMPT: Final = {"attempt_timeout": 1.0}
IDLE: Final = {"idle_timeout": 1.0}
"""Long enough for the head of the reply to arrive on a busy machine."""

CONNECT: Final = {"connect_timeout": 1.0}
DEADLINE: Final = {"timeout": 1.0}
"""Long enough for a request and its reply on a busy machine."""


class Fault(NamedTuple):
    """
    A fault, and the promised outcomes.

    Attributes:
        name: Its name; several rows have the same if plain and streamed calls differ.
        error: The class of the error; None if the call is answered.
        status: The HTTP status in the ledger.
        single: What happens to a call with one endpoint: it is ``"retried"``, the error is ``"raised"`` at once, the
            stream is ``"interrupted"`` with the partial reply, or the call is ``"answered"`` in spite of the fault.
        several: When a call with backups or fallbacks uses the next endpoint: ``"at once"``, ``"after retries"`` of the
            same endpoint, or ``"never"``.
        modes: The calls to which the row applies.
        next_key: Whether a call with several keys uses the next one, without a delay.
        delay: The delay before a retry that the server asks for, in seconds; None for a random one.
        options: The timeouts of the call.
        plugin: The provider.
    """

    name: str
    error: str | None
    status: int | None
    single: Single
    several: Several
    modes: tuple[Mode, ...] = BOTH
    next_key: bool = False
    delay: float | None = None
    options: Mapping[str, float] = {}
    plugin: str = "openai-compatible"


FAULTS: Final = (
    # The endpoint is overloaded.
    Fault("503", "CapacityError", 503, "retried", "at once"),
    Fault("503 with Retry-After", "CapacityError", 503, "retried", "at once", delay=7.0),
    Fault("529", "CapacityError", 529, "retried", "at once"),
    Fault("498", "CapacityError", 498, "retried", "at once"),
    Fault("429 for capacity", "CapacityError", 429, "retried", "at once"),
    Fault("429 for capacity, Azure", "CapacityError", 429, "retried", "at once", plugin="azure"),
    Fault("capacity error in a 200", "CapacityError", 500, "retried", "at once"),
    # It cannot be reached, or the connection is lost.
    Fault("connection refused", "ConnectionFailedError", None, "retried", "at once"),
    Fault("connection never accepted", "RequestTimeoutError", None, "retried", "at once", options=CONNECT),
    Fault("unknown host", "ConnectionFailedError", None, "retried", "at once"),
    Fault("no TLS", "ConnectionFailedError", None, "retried", "at once"),
    Fault("untrusted certificate", "ConnectionFailedError", None, "raised", "at once"),
    Fault("close before the reply", "ConnectionFailedError", None, "retried", "at once"),
    Fault("reset before the reply", "ConnectionFailedError", None, "retried", "at once"),
    Fault("reset in the head", "ConnectionFailedError", None, "retried", "at once"),
    Fault("reset in the body", "ConnectionFailedError", 200, "retried", "at once"),
    Fault("close in the body", "ConnectionFailedError", 200, "retried", "at once"),
    Fault("end before content", "StreamInterruptedError", 200, "retried", "at once", STREAMED),
    # The reply cannot be read.
    Fault("truncated JSON", "BadResponseError", 200, "raised", "at once"),
    Fault("malformed JSON", "BadResponseError", 200, "raised", "at once"),
    Fault("HTML", "BadResponseError", 200, "raised", "at once"),
    Fault("empty body", "BadResponseError", 200, "retried", "at once", PLAIN),
    Fault("empty body", "StreamInterruptedError", 200, "retried", "at once", STREAMED),
    Fault("wrong content type", None, 200, "answered", "answered"),
    # The server fails, or is too slow.
    Fault("500", "ServerError", 500, "retried", "after retries"),
    Fault("502", "ServerError", 502, "retried", "after retries"),
    Fault("502 with HTML", "ServerError", 502, "retried", "after retries"),
    Fault("504", "ServerError", 504, "retried", "after retries"),
    Fault("408", "InvalidRequestError", 408, "retried", "after retries"),
    Fault("error in a 200", "ServerError", 500, "retried", "after retries"),
    Fault("hang before the head", "RequestTimeoutError", None, "retried", "after retries", options=ATTEMPT),
    Fault("hang in the head", "RequestTimeoutError", None, "retried", "after retries", options=ATTEMPT),
    Fault("hang in the body", "RequestTimeoutError", 200, "retried", "after retries", options=IDLE),
    Fault("slow drip", "RequestTimeoutError", 200, "retried", "after retries", PLAIN, options=ATTEMPT),
    Fault("slow drip", None, 200, "answered", "answered", STREAMED, options=ATTEMPT),
    # The time of the call is over.
    Fault("hang until the deadline", "RequestTimeoutError", None, "raised", "never", options=DEADLINE),
    # The stream has shown content.
    Fault("reset after content", "StreamInterruptedError", 200, "interrupted", "interrupted", STREAMED),
    Fault("end after content", "StreamInterruptedError", 200, "interrupted", "interrupted", STREAMED),
    Fault("error after content", "StreamInterruptedError", 500, "interrupted", "interrupted", STREAMED),
    Fault("hang after content", "StreamInterruptedError", 200, "interrupted", "interrupted", STREAMED, options=IDLE),
    # The account has reached a limit.
    Fault("429", "RateLimitError", 429, "retried", "never", next_key=True),
    Fault("429 with Retry-After", "RateLimitError", 429, "retried", "never", next_key=True, delay=7.0),
    Fault("429 with a long Retry-After", "RateLimitError", 429, "raised", "at once", next_key=True),
    Fault("429 for quota", "QuotaExhaustedError", 429, "raised", "never", next_key=True),
    # The request or the credential is rejected.
    Fault("401", "AuthenticationError", 401, "raised", "never", next_key=True),
    Fault("403", "PermissionDeniedError", 403, "raised", "never"),
    Fault("404", "NotFoundError", 404, "raised", "never"),
    Fault("400", "InvalidRequestError", 400, "raised", "never"),
    Fault("context length", "ContextLengthError", 400, "raised", "never"),
    Fault("content filter", "ContentFilterError", 400, "raised", "never"),
)

TITLES: Final[Mapping[str, str]] = {
    "503": "503",
    "503 with Retry-After": "503 with `Retry-After`",
    "529": "529",
    "498": "498",
    "429 for capacity": "429 because the vendor has no capacity, by its code",
    "429 for capacity, Azure": "429 because the vendor has no capacity, by its message (Azure)",
    "capacity error in a 200": "status 200 with an error about capacity",
    "connection refused": "connection refused",
    "connection never accepted": "connection not accepted within `connect_timeout`",
    "unknown host": "DNS failure",
    "no TLS": "a server without TLS at an `https` address",
    "untrusted certificate": "a certificate that is not trusted",
    "close before the reply": "connection closed before the reply",
    "reset before the reply": "connection reset before the reply",
    "reset in the head": "connection reset in the headers",
    "reset in the body": "connection reset in the body",
    "close in the body": "body shorter than announced",
    "end before content": "end of the stream before its first content",
    "truncated JSON": "truncated JSON",
    "malformed JSON": "malformed JSON",
    "HTML": "HTML with status 200",
    "empty body": "status 200 with an empty body",
    "wrong content type": "a good reply with the wrong content type",
    "500": "500",
    "502": "502",
    "502 with HTML": "502 with an HTML page",
    "504": "504",
    "408": "408",
    "error in a 200": "status 200 with an error",
    "hang before the head": "no reply within `attempt_timeout`",
    "hang in the head": "headers that stop, until `attempt_timeout`",
    "hang in the body": "a body that stops for `idle_timeout`",
    "slow drip": "a reply that arrives too slowly for `attempt_timeout`",
    "hang until the deadline": "no reply within `timeout`, the time of the call",
    "reset after content": "connection reset after content",
    "end after content": "end without a finish reason after content",
    "error after content": "an error event after content",
    "hang after content": "a stream that stops for `idle_timeout` after content",
    "429": "429 without `Retry-After`",
    "429 with Retry-After": "429 with `Retry-After`",
    "429 with a long Retry-After": "429 with a `Retry-After` above `max_retry_after`",
    "429 for quota": "429 because the account's quota is used up",
    "401": "401, also for a key that is revoked between two calls",
    "403": "403",
    "404": "404, such as a missing model",
    "400": "400",
    "context length": "400 because the context window is exceeded",
    "content filter": "400 from the content filter",
}
"""What the documentation calls the faults."""
