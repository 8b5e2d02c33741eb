"""Encode the images of messages."""

from __future__ import annotations

import base64
from typing import NamedTuple

from budwood.types import ImagePart


class InlineImage(NamedTuple):
    """
    An image that is sent inside the request.

    Attributes:
        media_type: The media type, such as ``image/png``; None if unknown.
        base64: The content in base64.
    """

    media_type: str | None
    base64: str


def inline_image(part: ImagePart) -> InlineImage | None:
    """Encode an image from its bytes or its ``data:`` URL. Returns None if it has a URL that the vendor must fetch."""
    if part.url is None:
        return InlineImage(part.media_type, base64.b64encode(part.data or b"").decode("ascii"))
    head, comma, content = part.url.partition(";base64,")
    if not comma or not head.startswith("data:"):
        return None
    return InlineImage(head.removeprefix("data:").partition(";")[0] or None, content)
