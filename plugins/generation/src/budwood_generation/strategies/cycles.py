"""Even distribution of items over cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def shuffled_cycle(items: Sequence[T], random: Random) -> Iterator[T]:
    """Yield all items in a random order, then again in another order, without end. Without items, yield nothing."""
    while items:
        yield from random.sample(items, len(items))
