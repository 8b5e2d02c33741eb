"""Spread things evenly over cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def evenly(things: Sequence[T], random: Random) -> Iterator[T]:
    """Yield without end: all things in a random order, then again in another, so that none comes twice too often."""
    while things:
        yield from random.sample(things, len(things))
