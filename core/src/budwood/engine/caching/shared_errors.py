"""Errors of requests that several calls share: which calls they concern."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

from budwood.engine.pipeline.attempt import STREAM_HEAD_SECONDS
from budwood.errors import BudgetExceededError, ProviderError, RequestTimeoutError, StreamInterruptedError

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call


def concerns_one_call(error: BaseException) -> bool:
    """Tell whether the request of another call need not fail in the same way."""
    if isinstance(error, RequestTimeoutError):
        return error.phase == "deadline"
    return isinstance(error, BudgetExceededError) or not isinstance(error, Exception)


def may_succeed(error: ProviderError, call: Call, sender: Call) -> bool:
    """Tell whether a call may succeed where another failed: it retries more often, waits longer, or does not stream."""
    if isinstance(error, StreamInterruptedError) and sender.streamed and not call.streamed:
        return True
    if not error.retryable:
        return False
    return any(ours > theirs for ours, theirs in zip(_patience(call), _patience(sender), strict=True))


def _patience(call: Call) -> tuple[float, ...]:
    """Return the limits of a call that make it fail where a call with larger ones may not."""
    options = call.options
    attempt_timeout = options.attempt_timeout
    if attempt_timeout is None:
        attempt_timeout = STREAM_HEAD_SECONDS if call.streamed else math.inf
    return options.retries, options.max_retry_after, options.connect_timeout, options.idle_timeout, attempt_timeout


def copy_error(error: BaseException) -> BaseException:
    """Return an error of its own for another call; the same one if it cannot be copied, as some of plugins."""
    try:
        copied = copy.copy(error)
    except Exception:  # noqa: BLE001 - whatever its constructor raises
        return error
    if type(copied) is not type(error):
        return error
    if notes := getattr(error, "__notes__", None):
        copied.__notes__ = list(notes)  # a caller may add notes to its own
    return copied
