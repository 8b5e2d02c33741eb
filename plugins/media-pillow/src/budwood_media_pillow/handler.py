"""Check images, and scale and encode them as the model takes them."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from budwood.errors import PromptError
from budwood.providing import check_content, make_media
from budwood.types import ImagePart, MediaFile, Part
from budwood_media_pillow.encoding import encode_image, find_size
from budwood_media_pillow.settings import PillowSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

COMMON: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The formats that models take, if nothing more is known."""

_FORMATS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
}
"""Pillow's names. Only the decoder of the sniffed format is used."""

_ORIENTATION: Final = 0x0112
"""The tag of EXIF. Source: CIPA DC-008, section 4.6.4."""


class PillowHandler:
    """
    Reads images; see `budwood.contracts.MediaHandler`.

    An image that the model accepts is not changed. Any other image is rotated upright, scaled and re-encoded: as PNG if
    it has transparency or few colours and was not a JPEG, otherwise as JPEG. Only the first frame of an animation is
    kept.

    Args:
        settings: The settings of this instance.
    """

    def __init__(self, settings: PillowSettings) -> None:
        self._settings = settings

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Return the image with its size in pixels.

        Raises:
            PromptError: The image is damaged, in another format, or has too many pixels.
        """
        check_content(file)
        if file.media_type in ("image/heic", "image/heif"):
            _register_heif(file)
        with self._open(file) as image:
            if self._is_accepted(file, image):
                return (make_media(file, width=image.width, height=image.height),)
            encoded = encode_image(image, file, COMMON, self._settings.quality)
        return (
            ImagePart(
                data=encoded.data,
                media_type=encoded.media_type,
                name=file.name,
                width=encoded.width,
                height=encoded.height,
            ),
        )

    @contextmanager
    def _open(self, file: MediaFile) -> Iterator[Image]:
        """Open and decode an image, after its size has been checked: an image of some bytes may have gigabytes."""
        from PIL import Image

        with file.open() as content, _one_error(file):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about damaged metadata, and images beyond Pillow's own lower limit
                image = Image.open(content, formats=[_FORMATS[file.media_type]])
                self._check_pixels(file, image)
                image.load()
            yield image

    def _check_pixels(self, file: MediaFile, image: Image) -> None:
        limit = self._settings.max_pixels
        if image.width * image.height > limit:
            raise PromptError(
                f"{file.name} has {image.width} × {image.height} pixels, more than {limit:,}.",
                hint="Scale it down, or raise max_pixels in [media_handlers.pillow] if you trust the file.",
            )

    def _is_accepted(self, file: MediaFile, image: Image) -> bool:
        limits = file.limits
        return (
            file.media_type in (limits.media_types or COMMON)
            and (limits.bytes is None or file.size <= limits.bytes)
            and find_size(image.width, image.height, limits) == (image.width, image.height)
            and image.getexif().get(_ORIENTATION, 1) == 1
        )


@contextmanager
def _one_error(file: MediaFile) -> Iterator[None]:
    """
    Turn what Pillow raises for damaged images into one error.

    Raises:
        PromptError: The image is damaged.
    """
    from PIL import UnidentifiedImageError
    from PIL.Image import DecompressionBombError

    try:
        yield
    except PromptError:
        raise
    except DecompressionBombError as error:
        raise PromptError(f"{file.name} has too many pixels: {error}.", hint="Scale it down.") from None
    except UnidentifiedImageError:
        raise PromptError(f"{file.name} is not a valid {file.media_type}.", hint="Export it again.") from None
    except Exception as error:  # noqa: BLE001 - decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError …
        raise PromptError(
            f"{file.name} is a damaged image: {type(error).__name__}: {error}.", hint="Export it again."
        ) from None


def _register_heif(file: MediaFile) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise PromptError(
            f"{file.name} is an HEIC image, whose decoder is not installed.",
            hint="Install it: pip install pillow-heif.",
        ) from None
    register_heif_opener(thumbnails=False)
