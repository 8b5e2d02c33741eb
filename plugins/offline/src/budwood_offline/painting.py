"""Pictures that show a request for images: its prompt in letters, as a PNG."""

from __future__ import annotations

import hashlib
import struct
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

from budwood.errors import InvalidRequestError
from budwood.providing import parse_pixels, parse_ratio
from budwood.types import GeneratedImage, ImagePart, ImageRequest
from budwood_offline.font import HEIGHT, WIDTH, draw_line, to_font

DEFAULT_SIZE: Final = (512, 512)
MIN_SIDE: Final = 16
MAX_SIDE: Final = 2048
MAX_IMAGES: Final = 16

_MAX_SCALE: Final = 8
_BACKGROUND, _INK = 0, 1
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def parse_size(text: str | None) -> tuple[int, int] | None:
    """
    Return width and height in pixels of ``"WIDTHxHEIGHT"`` or an aspect ratio; None for anything else.

    Raises:
        InvalidRequestError: A side is shorter than 16 pixels or longer than 2048.
    """
    if text is None:
        return DEFAULT_SIZE
    size = parse_pixels(text)
    if size is None:
        ratio = parse_ratio(text)
        if ratio is None:
            return None
        longest = max(DEFAULT_SIZE)
        size = longest * ratio[0] // max(ratio), longest * ratio[1] // max(ratio)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise InvalidRequestError(
            f"The offline provider cannot draw an image of size {text}.",
            param="size",
            hint=f"Pass a size from {MIN_SIDE}x{MIN_SIDE} to {MAX_SIDE}x{MAX_SIDE}.",
        )
    return size


def draw_images(request: ImageRequest) -> tuple[GeneratedImage, ...]:
    """
    Draw the images of a request. They differ in their number and colour, and are the same for the same request.

    Raises:
        InvalidRequestError: It asks for too many images, or for a size that is too small or too large.
    """
    count = request.n or 1
    if count > MAX_IMAGES:
        raise InvalidRequestError(
            f"The offline provider cannot draw {count} images.", param="n", hint=f"Pass n from 1 to {MAX_IMAGES}."
        )
    width, height = parse_size(request.size) or DEFAULT_SIZE
    seed = request.seed or 0
    images = []
    for number in range(count):
        text = "\n".join([request.prompt, *_describe(request, number, count)])
        content = draw_picture(text, (width, height), f"{request.prompt}\n{seed}\n{number}")
        images.append(
            GeneratedImage(data=content, media_type="image/png", width=width, height=height, seed=request.seed)
        )
    return tuple(images)


def draw_picture(text: str, size: tuple[int, int], key: str) -> bytes:
    """Return a PNG of a size that shows a text and contains it. The key chooses its colours."""
    return _encode(*size, _draw(text, *size), _choose_colours(key), text)


def describe_inputs(images: Sequence[ImagePart]) -> Iterator[str]:
    """Yield what a picture shows about the images that are to be changed."""
    return (f"(changes {_name(image)})" for image in images)


def _describe(request: ImageRequest, number: int, count: int) -> Iterator[str]:
    """Yield what the picture shows besides the prompt."""
    if count > 1:
        yield f"({number + 1} of {count})"
    yield from describe_inputs(request.images)
    if request.mask is not None:
        yield f"(within {_name(request.mask)})"


def _name(image: ImagePart) -> str:
    """Return the name of an image, and its size."""
    if image.url is not None or image.file_id is not None:
        raise InvalidRequestError(
            "The offline provider does not download images.", param="images", hint="Pass a path or bytes."
        )
    size = len(image.read()) if image.path is None else image.path.stat().st_size
    return f"{image.name or 'an image'}, {size:,} bytes"


def _draw(text: str, width: int, height: int) -> list[bytes]:
    """Return the rows of an image with a text in its middle, as large as fits. A text that is too long is cut."""
    scale, wrapped = _fit(text, width, height)
    empty = bytes([_BACKGROUND]) * width
    margin = scale * HEIGHT
    rows: list[bytes] = []
    for line in wrapped:
        drawn = draw_line(line, scale)
        rows += [(b"\x00" * margin + row).ljust(width, b"\x00")[:width] for row in drawn]
        rows += [empty] * scale
    above = max(height - len(rows), 0) // 2
    return ([empty] * above + rows + [empty] * height)[:height]


def _fit(text: str, width: int, height: int) -> tuple[int, list[str]]:
    """Return the largest scale at which a text fits, and its lines. At scale 1, the text is cut."""
    for scale in range(_MAX_SCALE, 1, -1):
        columns, lines = _count_cells(width, height, scale)
        wrapped = _wrap(text, columns)
        if len(wrapped) <= lines and all(len(word) <= columns for word in to_font(text).split()):
            return scale, wrapped
    columns, lines = _count_cells(width, height, 1)
    return 1, _wrap(text, columns)[:lines]


def _count_cells(width: int, height: int, scale: int) -> tuple[int, int]:
    """Return how many characters and lines fit within the margins."""
    margin = 2 * scale * HEIGHT
    columns = (width - margin) // (scale * (WIDTH + 1))
    lines = (height - margin) // (scale * (HEIGHT + 1))
    return max(columns, 1), max(lines, 1)


def _wrap(text: str, columns: int) -> list[str]:
    """Return the lines of a text. A word that is longer than a line is broken."""
    return [
        line for paragraph in text.splitlines() for line in textwrap.wrap(to_font(" ".join(paragraph.split())), columns)
    ]


def _choose_colours(text: str) -> bytes:
    """Return the colours of background and ink: a pale and a dark one."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    pale = bytes(200 + value % 56 for value in digest[:3])
    dark = bytes(value % 100 for value in digest[3:6])
    return pale + dark


def _encode(width: int, height: int, rows: list[bytes], colours: bytes, text: str) -> bytes:
    """
    Encode an image with a colour table as a PNG, with a text that describes it.

    Source: the specification of PNG (W3C), sections 11.2 and 11.3.3.
    """
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    description = b"Description\0\0\0\0\0" + text.encode("utf-8", "replace")
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"iTXt", description), (b"IDAT", pixels), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
