from __future__ import annotations

import pytest

from budwood.providing import choose_nearest_ratio, parse_pixels, parse_ratio


@pytest.mark.parametrize(
    ("text", "pixels", "ratio"),
    [
        ("1024x1536", (1024, 1536), None),
        ("3840X2160", (3840, 2160), None),
        ("16:9", None, (16, 9)),
        ("0x5", None, None),
        ("0:1", None, None),
        ("1x2x3", None, None),
        ("720p", None, None),
        ("", None, None),
        (None, None, None),
        (5, None, None),
    ],
)
def test_sizes_are_parsed(text, pixels, ratio):
    """
    A size is in pixels, a ratio, or a word of a vendor.
    """
    assert (parse_pixels(text), parse_ratio(text)) == (pixels, ratio)


@pytest.mark.parametrize(
    ("size", "nearest"), [((16, 9), "1280x720"), ((9, 16), "9:16"), ((1024, 1000), "1:1"), ((1, 2), "9:16")]
)
def test_nearest_ratio_is_chosen(size, nearest):
    """
    Sizes in pixels and ratios are compared by width to height.
    """
    assert choose_nearest_ratio(size, ["1:1", "1280x720", "9:16"]) == nearest
