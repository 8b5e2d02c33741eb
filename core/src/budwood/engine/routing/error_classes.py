"""After which errors another endpoint is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood.errors import (
    BadResponseError,
    BudwoodError,
    CapacityError,
    ConnectionFailedError,
    InvalidRequestError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call

NO_KEY: Final = "no_key"
"""The code of the error of an endpoint all of whose keys rest."""


def moves_at_once(error: BudwoodError, call: Call) -> bool:
    """Tell whether another endpoint is asked without a retry: the endpoint is overloaded or not reachable."""
    if isinstance(error, CapacityError | ConnectionFailedError | BadResponseError):
        return True
    if isinstance(error, StreamInterruptedError):
        return error.response is None
    if isinstance(error, RequestTimeoutError) and error.phase == "connect":
        return True
    return getattr(error, "code", None) == NO_KEY or is_named(error, call)


def is_named(error: BudwoodError, call: Call) -> bool:
    """Tell whether the user named the class of the error, or one of its bases, in ``fallback_on``."""
    return any(kind.__name__ in call.options.fallback_on for kind in type(error).__mro__)


def moves_on(error: BudwoodError, call: Call) -> bool:
    """Tell whether another endpoint is asked after the retries of this one."""
    if moves_at_once(error, call) or isinstance(error, ServerError):
        return True
    if isinstance(error, RequestTimeoutError):
        return error.phase != "deadline"
    if isinstance(error, RateLimitError):
        return _rests_too_long(error, call)
    return isinstance(error, InvalidRequestError) and error.retryable  # status 408, 409 and 425


def _rests_too_long(error: RateLimitError, call: Call) -> bool:
    """Tell whether the rate limit ends too late for a retry, so that the endpoint has no key with room."""
    left = call.timing.deadline - call.clock.monotonic()
    return error.retry_after is not None and not error.retry_after < min(call.options.max_retry_after, left)
