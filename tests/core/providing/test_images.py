"""Images are checked before they are sent, and taken apart."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import PromptError, UnsupportedError
from budwood.providing import ImageBytes, ImageLimits, check_images, image_bytes
from budwood.types import ImagePart, Message

PNG = ImagePart(data=b"\x89PNG", media_type="image/png")


@given(st.binary(), st.sampled_from(["image/png", "image/webp"]))
def test_bytes_and_data_addresses_are_the_same(data, media_type):
    """
    An image at hand is read out of either form, and written as base64.
    """
    given = ImagePart(data=data, media_type=media_type)
    wanted = ImageBytes(media_type, data)

    assert image_bytes(given) == image_bytes(ImagePart(url=given.data_url)) == wanted
    assert base64.b64decode(wanted.base64) == data


@given(st.text())
def test_any_address_can_be_asked(url):
    """
    An address is fetched by the vendor, or is an image, or the prompt's error.
    """
    try:
        image = image_bytes(ImagePart(url=url))
    except PromptError:
        assert ";base64," in url
    else:
        assert image is None or url.startswith("data:")


@pytest.mark.parametrize(
    ("part", "limits", "error", "said"),
    [
        (PNG, ImageLimits(media_types=frozenset({"image/jpeg"})), UnsupportedError, "reads no image/png"),
        (PNG, ImageLimits(max_bytes=3), PromptError, "4 bytes, and m takes 3"),
        (ImagePart(data=b"", media_type="image/png"), ImageLimits(), PromptError, "empty"),
        (ImagePart(url="https://example.com/a"), ImageLimits(fetches=False), UnsupportedError, "fetches no images"),
        (ImagePart(url="data:image/png;base64,="), ImageLimits(), PromptError, "no base64"),
    ],
)
def test_what_is_not_taken_is_refused(part, limits, error, said):
    """
    Kind, size, content and place of each image are held against what the vendor takes.
    """
    with pytest.raises(error, match=said):
        check_images([Message.user("See."), Message.user("And this.", PNG, part)], limits, "m")


def test_what_is_taken_passes():
    """
    An image at the limit, an address that the vendor fetches, and no image at all are fine.
    """
    check_images([Message.user("See.", PNG, ImagePart(url="https://x"))], ImageLimits(max_bytes=4), "m")
    check_images([Message.user("See.")], ImageLimits(fetches=False), "m")
