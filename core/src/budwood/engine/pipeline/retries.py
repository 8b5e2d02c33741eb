"""Decide whether a failed attempt is repeated, and after how long."""

from __future__ import annotations

from typing import Final

from budwood.engine.pipeline.call import Call
from budwood.errors import ProviderError

BASE_SECONDS: Final = 0.5
MAX_SECONDS: Final = 8.0
"""Backoff is random between nothing and 0.5 s, doubling with each attempt up to 8 s ("full jitter")."""


def pause_before_retry(call: Call, error: ProviderError, failures: int) -> float | None:
    """
    Return how many seconds to wait before the next attempt, or None where the error is the caller's.

    Args:
        call: Its options, its deadline.
        error: What the last attempt ended with.
        failures: How many attempts have failed.
    """
    if not error.retryable or failures > call.options.retries:
        return None
    pause = _pause(call, error, failures)
    if pause is None or call.clock.monotonic() + pause >= call.timing.deadline:
        return None
    return pause


def _pause(call: Call, error: ProviderError, failures: int) -> float | None:
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= call.options.max_retry_after else None
    return call.random.uniform(0.0, min(MAX_SECONDS, BASE_SECONDS * 2 ** (failures - 1)))
