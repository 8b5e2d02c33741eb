"""
Share the requests that a process can have under way among endpoints, so that slow ones leave room for the others.

An endpoint is quick if its last request was, and none of its requests takes long now. All others, also those that have
not been tried yet, share a half of the room; the quick ones have what is left, which is at least the other half.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

SLOW_SECONDS: Final = 1.0
"""Seconds from which a request is slow."""

CHUNK: Final = 8
"""The deliveries of an endpoint that are claimed together, if there are as many; other endpoints come next."""


def share_evenly(ready: Sequence[str], limit: int) -> Mapping[str, int]:
    """
    Return how many deliveries of each endpoint may be claimed, in the same order.

    Args:
        ready: The endpoints, the one that waits longest first.
        limit: The maximum number of deliveries.
    """
    share = _find_share(ready, limit)
    starts = range(0, limit, share)
    return {webhook: min(share, limit - start) for webhook, start in zip(ready, starts, strict=False)}


class Slots:
    """
    The requests of a process that are under way.

    Args:
        size: The maximum number at the same time.
        now: Returns the time in seconds.
    """

    def __init__(self, size: int, now: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._half = max(1, size // 2)
        self._now = now
        self._quick: set[str] = set()
        self._requests: dict[int, tuple[str, float]] = {}  # the oldest first

    def start(self, request: int, webhook: str) -> None:
        """Note that a request to an endpoint begins."""
        self._requests[request] = webhook, self._now()

    def end(self, request: int) -> None:
        """Note that a request has ended."""
        webhook, began = self._requests.pop(request)
        if self._now() - began < SLOW_SECONDS:
            self._quick.add(webhook)
        else:
            self._quick.discard(webhook)

    def share(self, ready: Sequence[str], limit: int) -> Mapping[str, int]:
        """
        Return how many deliveries of each endpoint may be claimed, in the same order.

        Args:
            ready: The endpoints, the one that waits longest first.
            limit: The maximum number of deliveries.
        """
        quick = self._quick - self._find_held_up()
        under_way = Counter(webhook for webhook, _ in self._requests.values())
        limit = min(limit, self._size - under_way.total())
        left = self._half - sum(count for webhook, count in under_way.items() if webhook not in quick)
        of_others = -(-max(left, 0) // max(1, sum(webhook not in quick for webhook in ready)))
        of_quick = _find_share(ready, limit)
        shares: dict[str, int] = {}
        for webhook in ready:
            if webhook in quick:
                count = min(of_quick, self._half - under_way[webhook])
            else:
                count = min(of_others, left, -(-self._half // 4) - under_way[webhook])
                left -= max(count, 0)
            count = min(count, limit)
            if count > 0:
                shares[webhook] = count
                limit -= count
        return shares

    def _find_held_up(self) -> set[str]:
        """Return the endpoints of requests that have been under way for long."""
        long_ago = self._now() - SLOW_SECONDS
        found = set()
        for webhook, began in self._requests.values():
            if began > long_ago:
                break
            found.add(webhook)
        return found


def _find_share(ready: Sequence[str], limit: int) -> int:
    return max(-(-limit // len(ready)), CHUNK)  # rounded up
