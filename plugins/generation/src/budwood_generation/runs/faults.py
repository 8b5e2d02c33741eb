"""What a failed call means for its row, its model and the run."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    BudgetExceededError,
    BudwoodError,
    CapacityError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
    StructuredOutputError,
    UnsupportedError,
    UnsupportedParameterError,
)
from budwood_generation.errors import JournalError


class Fault(Enum):
    """
    The kinds of failed calls.

    Attributes:
        FATAL: Every call would fail in the same way, and waiting does not help. The run stops.
        ENDPOINT: The endpoint is unavailable or overloaded. The call is sent again later, as it is.
        REFUSAL: The model rejected the request or does not exist. The row fails; if it is the first answer of the
            model to many calls, the run stops.
        REPLY: The reply cannot be used. Another one is requested, with another seed.
        ROW: The request cannot be answered. The row fails.
    """

    FATAL = auto()
    ENDPOINT = auto()
    REFUSAL = auto()
    REPLY = auto()
    ROW = auto()


FATAL_ERRORS: Final = (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    JournalError,
    PermissionDeniedError,
    PluginError,
    QuotaExhaustedError,
    UnsupportedError,
)

_ENDPOINT_ERRORS: Final = (
    BadResponseError,
    CapacityError,
    ConnectionFailedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)


def classify(error: BudwoodError) -> Fault:
    """Return the kind of an error of a call. An error that a new class introduces costs only its row."""
    if isinstance(error, FATAL_ERRORS):
        return Fault.FATAL
    if isinstance(error, _ENDPOINT_ERRORS) or (isinstance(error, ProviderError) and error.retryable):
        return Fault.ENDPOINT
    if isinstance(error, StructuredOutputError):
        return Fault.REPLY
    if type(error) in (NotFoundError, InvalidRequestError, UnsupportedParameterError):
        return Fault.REFUSAL
    return Fault.ROW


def may_be_caused_by_request(error: BudwoodError) -> bool:
    """
    Tell whether an endpoint may be unavailable for one request only, such as one that makes its server crash.

    A request that did not reach the server is not the cause.
    """
    if isinstance(error, ConnectionFailedError):
        return not error.is_unsent
    return not (isinstance(error, RequestTimeoutError) and error.phase == "connect")


def is_throttled(error: BudwoodError) -> bool:
    """Tell whether the endpoint rejected a call because it has no room for it now."""
    return isinstance(error, RateLimitError | CapacityError)
