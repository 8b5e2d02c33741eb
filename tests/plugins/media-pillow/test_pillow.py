"""Images are checked, and changed only where the model needs it."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import pytest
from PIL import Image

from budwood.errors import PromptError
from budwood.types import MediaLimits
from budwood_media_pillow import PillowHandler, PillowSettings
from tests.media import make_file, make_png
from tests.plugins.media_images import FORMATS, make_image


def convert(data, media_type, settings=None, **limits):
    """
    Return the part of an image, for a model with limits.
    """
    handler = PillowHandler(settings or PillowSettings())
    (part,) = handler.parts(make_file("a.png", data, media_type, limits=MediaLimits(**limits)))
    return part


def open_part(part):
    """
    Return the decoded image of a part, whose stated size and type must be right.
    """
    image = Image.open(io.BytesIO(part.data))
    assert image.size == (part.width, part.height)
    assert Image.MIME[image.format] == part.media_type
    return image


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/gif", "image/webp"])
def test_accepted_image_is_unchanged(media_type):
    """
    What the model takes is sent byte for byte.
    """
    data = make_image(FORMATS[media_type])

    part = convert(data, media_type, width=64, height=48, pixels=64 * 48, bytes=len(data))

    assert part.data == data
    assert (part.width, part.height, part.media_type) == (64, 48, media_type)


@pytest.mark.parametrize("media_type", ["image/bmp", "image/tiff", "image/avif", "image/heic"])
def test_other_formats_are_encoded_anew(media_type):
    """
    A photograph becomes JPEG, of the same size.
    """
    part = convert(make_image(FORMATS[media_type]), media_type)

    assert part.media_type == "image/jpeg"
    assert open_part(part).size == (64, 48)


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({"width": 32}, (32, 24)),
        ({"height": 12}, (16, 12)),
        ({"pixels": 768}, (32, 24)),
        ({"width": 64, "height": 10}, (13, 10)),
    ],
)
def test_image_is_scaled_to_the_limits(limits, size):
    """
    Its proportions stay.
    """
    assert open_part(convert(make_image("PNG"), "image/png", **limits)).size == size


def test_image_is_encoded_until_it_has_few_enough_bytes():
    """
    It shrinks step by step; a limit that no image fits is an error.
    """
    data = make_image("PNG", (400, 300))

    part = convert(data, "image/png", bytes=10_000)

    assert len(part.data) <= 10_000
    assert open_part(part).width < 400
    with pytest.raises(PromptError, match="does not fit into 50 bytes"):
        convert(data, "image/png", bytes=50)


def test_grey_photograph_remains_jpeg():
    """
    It has few colours, but PNG would need several times as many bytes.
    """
    output = io.BytesIO()
    Image.effect_noise((64, 48), 60).save(output, "JPEG")

    part = convert(output.getvalue(), "image/jpeg", width=32)

    assert open_part(part).format == "JPEG"


def test_unknown_content_is_named_by_its_type():
    """
    Pillow's own message has the address of an object.
    """
    with pytest.raises(PromptError, match=r"^a\.png is not a valid image/avif\. "):
        convert(b"\0\0\0\x18ftypavif" + bytes(64), "image/avif")


def test_only_formats_of_the_model_are_written():
    """
    A model that takes only PNG gets PNG.
    """
    part = convert(make_image("WEBP"), "image/webp", media_types={"image/png"})

    assert open_part(part).format == "PNG"


def test_image_is_turned_upright():
    """
    The orientation of EXIF is applied, since models ignore it; other metadata are dropped.
    """
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"

    image = open_part(convert(make_image("JPEG", exif=exif.tobytes()), "image/jpeg"))

    assert image.size == (48, 64)
    assert not image.getexif()


def test_transparency_is_kept_or_becomes_white():
    """
    PNG keeps it; JPEG has none.
    """
    output = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(output, "PNG")

    kept = open_part(convert(output.getvalue(), "image/png", width=4))
    flat = open_part(convert(output.getvalue(), "image/png", media_types={"image/jpeg"}))

    assert kept.convert("RGBA").getpixel((0, 0))[3] == 0
    assert flat.getpixel((0, 0)) == (255, 255, 255)


def test_decompression_bomb_is_rejected_before_it_is_decoded():
    """
    A small file may claim a huge image; its header is enough to refuse it.
    """
    bomb = bytearray(make_png())
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))

    with pytest.raises(PromptError, match=r"a\.png (has 60000 × 60000|has too many) pixels"):
        convert(bytes(bomb), "image/png")
    with pytest.raises(PromptError, match=r"64 × 48 pixels, more than 1,000.*max_pixels"):
        convert(make_image("PNG"), "image/png", PillowSettings(max_pixels=1000))


@pytest.mark.parametrize("media_type", FORMATS)
def test_truncated_image_is_rejected(media_type):
    """
    The pixels are decoded, so that half an image is noticed.
    """
    data = make_image(FORMATS[media_type])

    with pytest.raises(PromptError, match=r"a\.png is (a damaged image|not a valid)"):
        convert(data[: len(data) // 2], media_type)


def test_missing_decoder_of_heic_is_explained(monkeypatch):
    """
    The error names the library.
    """
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    with pytest.raises(PromptError, match="pip install pillow-heif"):
        convert(make_image("HEIF"), "image/heic")
