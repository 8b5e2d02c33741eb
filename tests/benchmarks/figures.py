"""Medians, minima and maxima of rounds, and ratios within rounds."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

Comparison = Literal["ratio", "difference"]

_COMPARED: Final[dict[Comparison, Callable[[float, float], float]]] = {
    "ratio": operator.truediv,
    "difference": operator.sub,
}


class Spread(NamedTuple):
    """
    The median, minimum and maximum of rounds.
    """

    median: float
    low: float
    high: float


def compute_spread(samples: Sequence[float]) -> Spread:
    """
    Return the median, minimum and maximum of samples, at least one.
    """
    return Spread(statistics.median(samples), min(samples), max(samples))


def compare_samples(ours: Sequence[float], theirs: Sequence[float], how: Comparison = "ratio") -> Spread | None:
    """
    Compare samples of the same round only: other load on the machine affects both of them.

    Rounds that only one of them has are ignored. Returns None without common rounds.
    """
    pairs = [_COMPARED[how](a, b) for a, b in zip(ours, theirs, strict=False)]
    return compute_spread(pairs) if pairs else None
