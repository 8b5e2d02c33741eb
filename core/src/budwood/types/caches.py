"""The content and the counts of caches."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

LeaseState = Literal["acquired", "held", "not kept"]
"""What a cache answers to a flight that asks for a lease; see `budwood.contracts.LeasingCache.acquire`."""


class CachedItem(NamedTuple):
    """
    An entry of a cache.

    Attributes:
        key: Its key: the namespace, a colon, and a hash.
        size: The size of its value in bytes.
        expires: When it expires, in seconds since 1970; None if it does not.
        used: When it was stored or last read, in seconds since 1970 and accurate to an hour; None if that is not known.
    """

    key: str
    size: int
    expires: float | None = None
    used: float | None = None


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """
    How often a cache has answered.

    Attributes:
        hits: The requests that it answered.
        misses: The requests that it did not answer.
        saved: The cost of the requests that it answered, in US dollars, as far as it is known.
    """

    hits: int = 0
    misses: int = 0
    saved: Decimal = Decimal(0)

    def __add__(self, other: CacheCounts) -> CacheCounts:
        return CacheCounts(self.hits + other.hits, self.misses + other.misses, self.saved + other.saved)
