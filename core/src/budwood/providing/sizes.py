"""Sizes of images and videos as text: in pixels, or as an aspect ratio."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

_PIXELS: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.IGNORECASE)
_RATIO: Final = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")


def parse_pixels(size: object) -> tuple[int, int] | None:
    """Return width and height of a size such as ``"1024x1536"``; None for anything else."""
    return _parse(_PIXELS, size)


def parse_ratio(size: object) -> tuple[int, int] | None:
    """Return the numbers of an aspect ratio such as ``"16:9"``; None for anything else."""
    return _parse(_RATIO, size)


def choose_nearest_ratio(size: tuple[int, int], sizes: Iterable[str]) -> str:
    """
    Return the size or aspect ratio with the nearest ratio of width to height.

    Args:
        size: A width and a height.
        sizes: The sizes to choose from, in pixels or as aspect ratios. Of equal ones the first is chosen.
    """
    ratio = math.log(size[0] / size[1])
    return min(sizes, key=lambda text: abs(ratio - _log_ratio(text)))


def _log_ratio(text: str) -> float:
    width, height = parse_pixels(text) or parse_ratio(text) or (1, 1)
    return math.log(width / height)


def _parse(pattern: re.Pattern[str], size: object) -> tuple[int, int] | None:
    found = pattern.fullmatch(size) if isinstance(size, str) else None
    return None if found is None else (int(found[1]), int(found[2]))
