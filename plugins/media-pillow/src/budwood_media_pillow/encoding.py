"""Scale and encode images."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood.errors import PromptError
from budwood.types import MediaFile, MediaLimits

if TYPE_CHECKING:
    from PIL.Image import Image

_MIN_SIDE: Final = 16
"""An image whose encoding has too many bytes at this size is given up."""

_SHRINK: Final = 0.75
"""The factor of each side if an encoded image has too many bytes."""

_FEW_COLOURS: Final = 256


class EncodedImage(NamedTuple):
    """An image that was re-encoded, with its size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int


def find_size(width: int, height: int, limits: MediaLimits) -> tuple[int, int]:
    """Return the largest size within the limits, with the same proportions."""
    factor = min(
        1.0,
        (limits.width or width) / width,
        (limits.height or height) / height,
        math.sqrt((limits.pixels or width * height) / (width * height)),
    )
    return (width, height) if factor == 1 else (max(1, int(width * factor)), max(1, int(height * factor)))


def encode_image(image: Image, file: MediaFile, common: frozenset[str], quality: int) -> EncodedImage:
    """
    Return the image upright, in a format that the model takes, within its limits.

    Args:
        image: The image.
        file: Its file, with the limits of the model.
        common: The formats that models take, if nothing more is known.
        quality: The quality of JPEG and WebP.

    Raises:
        PromptError: The model takes no format that can be written, or too few bytes.
    """
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    limits = file.limits
    kind = _choose_format(upright, limits.media_types & common or common, file)
    size = find_size(upright.width, upright.height, limits)
    while True:
        scaled = upright if size == upright.size else upright.convert(_mode(upright)).resize(size)
        data = _write(scaled, kind, quality)
        if limits.bytes is None or len(data) <= limits.bytes:
            return EncodedImage(data, f"image/{kind}", *size)
        if min(size) < _MIN_SIDE:
            break
        size = (int(size[0] * _SHRINK), int(size[1] * _SHRINK))
    raise PromptError(f"{file.name} does not fit into {limits.bytes:,} bytes.", hint="Choose another image.")


def _choose_format(image: Image, media_types: frozenset[str], file: MediaFile) -> str:
    is_photo = file.media_type == "image/jpeg"  # even a grey one, whose colours are few
    is_lossless = not is_photo and (image.has_transparency_data or image.getcolors(_FEW_COLOURS) is not None)
    wanted = ("png", "webp", "jpeg", "gif") if is_lossless else ("jpeg", "webp", "png", "gif")
    for kind in wanted:
        if f"image/{kind}" in media_types:
            return kind
    raise PromptError(f"{file.name} cannot be encoded as {', '.join(sorted(media_types))}.")


def _mode(image: Image) -> str:
    """Return a mode that can be scaled smoothly and written in every format."""
    return "RGBA" if image.has_transparency_data else "RGB"


def _write(image: Image, kind: str, quality: int) -> bytes:
    output = io.BytesIO()
    mode = _mode(image)
    if kind == "jpeg" and mode == "RGBA":  # JPEG has no transparency
        from PIL import Image as Images

        background = Images.new("RGBA", image.size, "white")
        background.alpha_composite(image.convert("RGBA"))
        image, mode = background, "RGB"
    options = {"quality": quality} if kind in ("jpeg", "webp") else {}
    image.convert(mode).save(output, kind.upper(), **options)
    return output.getvalue()
