"""Images in the formats that Pillow writes."""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import Image
from pillow_heif import register_heif_opener

FORMATS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
}
"""Pillow's name of each media type."""


def make_image(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> bytes:
    """
    Return an image of many colours.
    """
    if kind == "HEIF":
        register_heif_opener(thumbnails=False)
    noise = Image.effect_noise(size, 80)
    image = Image.merge("RGB", (noise, noise.rotate(90, expand=False), noise.rotate(180))).convert(mode)
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()
