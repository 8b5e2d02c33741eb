"""Decode images for the processor of a model."""

from __future__ import annotations

import io
import warnings
from typing import Any, Final

from budwood.errors import PromptError
from budwood.types import ImagePart
from budwood_transformers.media import read_media

_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
"""Pillow's decoders for images; others run programs, such as Ghostscript."""

_MAX_PIXELS: Final = 100_000_000
"""Decoding takes three bytes of memory for each; a file of some kilobytes may claim billions."""


def read_image(part: ImagePart) -> Any:  # noqa: ANN401 - an image of Pillow, which is imported for images only
    """
    Return an image upright and in RGB, as the library does.

    Raises:
        InvalidRequestError: Its content is not on this machine.
        PromptError: It is damaged, in another format, or has too many pixels.
    """
    from PIL import Image, ImageOps

    content, name = read_media(part), part.name or "The image"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged metadata, and images beyond Pillow's own lower limit
            image = Image.open(io.BytesIO(content), formats=_FORMATS)
            if image.width * image.height <= _MAX_PIXELS:
                return ImageOps.exif_transpose(image).convert("RGB")
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError, …
        raise PromptError(
            f"{name} cannot be decoded: {type(error).__name__}.", hint=f"Pass one of {', '.join(_FORMATS)}."
        ) from error
    raise _too_large(name)


def _too_large(name: str) -> PromptError:
    return PromptError(f"{name} has more than {_MAX_PIXELS:,} pixels.", hint="Scale it down.")
