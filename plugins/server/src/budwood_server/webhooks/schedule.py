"""When an event that was not delivered is sent again, and when an endpoint that fails is asked again."""

from __future__ import annotations

import random
from typing import Final

JITTER: Final = 0.1
"""The part of a delay by which it is longer or shorter at random, so that not everything is sent again at once."""

MAX_RETRY_AFTER: Final = 86400.0
"""The longest time in seconds for which an endpoint can put off the next attempt."""

OPENS_AFTER: Final = 5
"""The number of failures in a row after which an endpoint gets no requests for a while."""

FIRST_PAUSE: Final = 30.0
MAX_PAUSE: Final = 3600.0
"""Seconds for which it gets none: the first, doubled with each further failure, and the last."""


def find_delay(number: int, delays: tuple[float, ...], retry_after: float | None = None) -> float | None:
    """
    Return the seconds to the next attempt; None if the last one was made.

    Args:
        number: The number of the attempt that failed, from 1.
        delays: The seconds from each attempt to the next.
        retry_after: The seconds for which the endpoint wants no other attempt, or None.
    """
    if number > len(delays):
        return None
    delay = delays[number - 1] * random.uniform(1 - JITTER, 1 + JITTER)
    return max(delay, min(retry_after or 0.0, MAX_RETRY_AFTER))


def find_pause(failures: int) -> float:
    """Return the seconds for which an endpoint gets no requests after some failures in a row; 0 for none."""
    if failures < OPENS_AFTER:
        return 0.0
    return float(min(FIRST_PAUSE * 2 ** min(failures - OPENS_AFTER, 20), MAX_PAUSE))
