"""Convert sizes in pixels to the aspect ratios and size classes of the API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from budwood.providing import choose_nearest_ratio, parse_pixels, parse_ratio

IMAGE_RATIOS: Final = (
    "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "1:4", "4:1", "1:8", "8:1",
)  # fmt: skip
"""Source: ai.google.dev/gemini-api/docs/image-generation."""

IMAGE_SIZES: Final = {512: "512", 1024: "1K", 2048: "2K", 4096: "4K"}
"""The size classes of images, by the longer side of a square."""

VIDEO_RATIOS: Final = ("16:9", "9:16")
VIDEO_SIZES: Final = {360: "360p", 720: "720p", 1080: "1080p", 2160: "4k"}
"""The size classes of videos, by the shorter side. Source: google-genai 3.6.1, ``VideoResponseFormat``."""


class Size(NamedTuple):
    """
    A size in the form of the API.

    Attributes:
        ratio: The aspect ratio; None if it is not given.
        size: The size class; None if it is not given.
        is_exact: Whether these are what was requested.
    """

    ratio: str | None = None
    size: str | None = None
    is_exact: bool = True


def parse_image_size(text: str | None) -> Size:
    """Convert the size of an image; pixels become the nearest ratio and class."""
    pixels = parse_pixels(text)
    if pixels is None:
        return _parse_word(text)
    width, height = pixels
    side = math.sqrt(width * height)
    is_exact = width == height and width in IMAGE_SIZES
    return Size(choose_nearest_ratio(pixels, IMAGE_RATIOS), _nearest_size(side, IMAGE_SIZES), is_exact)


def parse_video_size(text: str | None) -> Size:
    """Convert the size of a video; pixels become the nearest ratio and class."""
    pixels = parse_pixels(text)
    if pixels is None:
        return _parse_word(text)
    width, height = pixels
    ratio = choose_nearest_ratio(pixels, VIDEO_RATIOS)
    shorter, ratio_width, ratio_height = min(pixels), *(parse_ratio(ratio) or pixels)
    is_exact = shorter in VIDEO_SIZES and math.isclose(width / height, ratio_width / ratio_height, rel_tol=0.01)
    return Size(ratio, _nearest_size(shorter, VIDEO_SIZES), is_exact)


def _parse_word(text: str | None) -> Size:
    if text is None:
        return Size()
    return Size(ratio=text) if parse_ratio(text) else Size(size=text)


def _nearest_size(side: float, sizes: Mapping[int, str]) -> str:
    return sizes[min(sizes, key=lambda known: abs(math.log(side / known)))]
