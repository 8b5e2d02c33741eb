"""Images in messages are read for vendors that require their content."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import InlineMedia, inline_media
from budwood.types import ImagePart


@given(st.binary(), st.sampled_from(["image/png", "image/webp"]))
def test_bytes_and_data_urls_are_equivalent(data, media_type):
    """
    Both are returned in base64.
    """
    image = ImagePart(data=data, media_type=media_type)

    assert inline_media(image) == inline_media(ImagePart(url=image.data_url))
    assert inline_media(image) == InlineMedia(media_type, base64.b64encode(data).decode())


@pytest.mark.parametrize(
    ("part", "media_type"),
    [
        (ImagePart(data=b"1"), None),
        (ImagePart(url="data:;base64,MQ=="), None),
        (ImagePart(url="data:image/png;name=a.png;base64,MQ=="), "image/png"),
    ],
)
def test_the_media_type_may_be_unknown(part, media_type):
    """
    The media type is the one of the part, without parameters.
    """
    assert inline_media(part) == InlineMedia(media_type, "MQ==")


@given(st.text())
def test_any_url_is_accepted(url):
    """
    A URL is fetched by the vendor, or contains the image.
    """
    image = inline_media(ImagePart(url=url))

    assert (image is not None) == (url.startswith("data:") and ";base64," in url)
