"""What many rounds say together: medians, how far they lie apart, and ratios within rounds."""

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
    The median of some rounds, the least and the greatest.
    """

    median: float
    low: float
    high: float


def spread(samples: Sequence[float]) -> Spread:
    """
    Sum up the samples of all rounds. There must be one.
    """
    return Spread(statistics.median(samples), min(samples), max(samples))


def compared(ours: Sequence[float], theirs: Sequence[float], how: Comparison = "ratio") -> Spread | None:
    """
    Compare what was measured in the same round, and never across: what else the machine did then, it did to both.

    Rounds that only one of them has count for nothing; None where they share none.
    """
    pairs = [_COMPARED[how](a, b) for a, b in zip(ours, theirs, strict=False)]
    return spread(pairs) if pairs else None
