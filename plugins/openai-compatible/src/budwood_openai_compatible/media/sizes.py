"""Convert aspect ratios to sizes in pixels, the only ones that the API takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from budwood.providing import choose_nearest_ratio, parse_ratio
from budwood.types import Adaptation, ImageRequest, VideoRequest

R = TypeVar("R", ImageRequest, VideoRequest)


def convert_ratio(request: R, sizes: Sequence[str]) -> tuple[R, tuple[Adaptation, ...]]:
    """
    Return a request whose size is in pixels if it is an aspect ratio.

    Args:
        request: The request.
        sizes: The sizes that all models take, the default first.
    """
    ratio = parse_ratio(request.size)
    if ratio is None:
        return request, ()
    size = choose_nearest_ratio(ratio, sizes)
    reason = f"the API takes sizes in pixels; the nearest that all models take is {size}"
    return request.model_copy(update={"size": size}), (Adaptation(parameter="size", action="changed", reason=reason),)
