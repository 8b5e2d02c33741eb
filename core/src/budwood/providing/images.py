"""Check images before they are sent, and take them apart."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from budwood.errors import PromptError, UnsupportedError
from budwood.names import listed
from budwood.types import ImagePart, Message

USUAL_IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What nearly every vendor reads whose models see."""


class ImageLimits(NamedTuple):
    """
    What a vendor takes of images.

    Attributes:
        media_types: The kinds that it reads.
        max_bytes: The largest image, in bytes before base64; None where no limit is known.
        fetches: Whether it takes addresses, and fetches the images itself.
    """

    media_types: frozenset[str] = USUAL_IMAGE_TYPES
    max_bytes: int | None = None
    fetches: bool = True


class ImageBytes(NamedTuple):
    """An image that is at hand: ``base64`` is its content in that form."""

    media_type: str
    data: bytes

    @property
    def base64(self) -> str:
        """The content as most vendors want it."""
        return base64.b64encode(self.data).decode("ascii")


def images_in(messages: Iterable[Message]) -> Iterator[ImagePart]:
    """Find the images of messages."""
    return (part for message in messages for part in message.parts if isinstance(part, ImagePart))


def image_bytes(part: ImagePart) -> ImageBytes | None:
    """
    Return the content of an image, also of one in a ``data:`` address; None where only the vendor can fetch it.

    Raises:
        PromptError: The address promises base64 and holds none.
    """
    if part.url is None:
        return ImageBytes(part.media_type or "application/octet-stream", part.data or b"")
    head, comma, content = part.url.partition(";base64,")
    if not comma or not head.startswith("data:"):
        return None
    try:
        return ImageBytes(head.removeprefix("data:"), base64.b64decode(content, validate=True))
    except ValueError as error:
        raise PromptError(f"The address of an image holds no base64: {error}.") from None


def check_images(messages: Iterable[Message], limits: ImageLimits, model: str) -> None:
    """
    See that the model can read each image.

    Raises:
        UnsupportedError: It is of another kind, or only an address where the vendor fetches none.
        PromptError: It is empty, or larger than the vendor takes.
    """
    for part in images_in(messages):
        image = image_bytes(part)
        if image is None:
            if not limits.fetches:
                raise UnsupportedError(
                    f"{model} fetches no images from addresses.", hint="Give the image itself: files=[…], or its bytes."
                )
        elif image.media_type not in limits.media_types:
            raise UnsupportedError(
                f"{model} reads no {image.media_type}.", hint=f"It reads {listed(sorted(limits.media_types))}."
            )
        elif not image.data:
            raise PromptError("An image is empty.")
        elif limits.max_bytes is not None and len(image.data) > limits.max_bytes:
            raise PromptError(
                f"An image has {len(image.data):,} bytes, and {model} takes {limits.max_bytes:,} at most.",
                hint="Make it smaller.",
            )
