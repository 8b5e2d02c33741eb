"""
Videos that show a request: its prompt in letters, with one picture for each second, as an MP4 of PNG pictures.

Source: ISO/IEC 14496-12 (boxes), 14496-1, section 7.2.6 (descriptors); mp4ra.org, object types: 0x6D is PNG.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

from budwood.errors import InvalidRequestError
from budwood.types import GeneratedVideo, VideoRequest
from budwood_offline.painting import DEFAULT_SIZE, describe_inputs, draw_picture, parse_size

DEFAULT_SECONDS: Final = 4.0
MAX_SECONDS: Final = 60.0

_TIMESCALE: Final = 1000
"""Units of time in a second."""

_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_PNG: Final = 0x6D
_VISUAL: Final = 0x11
"""The type of a stream of pictures, in the upper six bits, and a reserved bit."""


def film(request: VideoRequest) -> GeneratedVideo:
    """
    Return a video that shows the prompt. It is the same for the same request.

    Raises:
        InvalidRequestError: It is too long, or its size is too small or too large.
    """
    seconds = request.seconds or DEFAULT_SECONDS
    if seconds > MAX_SECONDS:
        raise InvalidRequestError(
            f"The offline provider cannot make a video of {seconds:g} seconds.",
            param="seconds",
            hint=f"Pass up to {MAX_SECONDS:g} seconds.",
        )
    size = parse_size(request.size) or DEFAULT_SIZE
    count = math.ceil(seconds)
    durations = [*[_TIMESCALE] * (count - 1), round((seconds - count + 1) * _TIMESCALE) or 1]
    about = "\n".join([request.prompt, *describe_inputs(request.images)])
    key = f"{request.prompt}\n{request.seed or 0}"
    pictures = [draw_picture(f"{about}\n({number} of {count})", size, key) for number in range(1, count + 1)]
    return GeneratedVideo(
        data=_encode(pictures, durations, size, about),
        media_type="video/mp4",
        seconds=sum(durations) / _TIMESCALE,
        width=size[0],
        height=size[1],
        seed=request.seed,
    )


def _encode(pictures: list[bytes], durations: list[int], size: tuple[int, int], text: str) -> bytes:
    """Encode pictures as a video, with a text that describes it."""
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2mp41")
    index = _encode_index(pictures, durations, size, text, offset=0)
    index = _encode_index(pictures, durations, size, text, offset=len(kind) + len(index) + 8)
    return kind + index + _box(b"mdat", *pictures)


def _encode_index(
    pictures: list[bytes], durations: list[int], size: tuple[int, int], text: str, *, offset: int
) -> bytes:
    """Encode what a player reads first: the tracks, and where the pictures are."""
    total = sum(durations)
    header = struct.pack(">6I", 0, 0, _TIMESCALE, total, 0x10000, 0x1000000) + bytes(8) + _MATRIX + bytes(24)
    track = (
        struct.pack(">5I", 0, 0, 1, 0, total) + bytes(16) + _MATRIX + struct.pack(">2I", *(side << 16 for side in size))
    )
    media = _box(
        b"mdia",
        _full(b"mdhd", struct.pack(">4I2H", 0, 0, _TIMESCALE, total, 0x55C4, 0)),
        _full(b"hdlr", bytes(4) + b"vide" + bytes(13)),
        _box(
            b"minf",
            _full(b"vmhd", bytes(8), flags=1),
            _box(b"dinf", _full(b"dref", struct.pack(">I", 1) + _full(b"url ", flags=1))),
            _box(b"stbl", *_encode_table(pictures, durations, size, offset)),
        ),
    )
    return _box(
        b"moov",
        _full(b"mvhd", header + struct.pack(">I", 2)),
        _box(b"trak", _full(b"tkhd", track, flags=3), media),
        _box(b"udta", _encode_comment(text)),
    )


def _encode_table(pictures: list[bytes], durations: list[int], size: tuple[int, int], offset: int) -> Iterator[bytes]:
    """Yield the boxes that describe the pictures: their form, durations, sizes, and the place of the first one."""
    count = len(pictures)
    config = bytes([_PNG, _VISUAL]) + bytes(3 + 4 + 4)
    stream = struct.pack(">HB", 1, 0) + _descriptor(4, config) + _descriptor(6, b"\x02")
    form = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">2H2I", *size, 0x480000, 0x480000) + bytes(4)
    form += struct.pack(">H", 1) + bytes(32) + struct.pack(">Hh", 24, -1) + _full(b"esds", _descriptor(3, stream))
    yield _full(b"stsd", struct.pack(">I", 1) + _box(b"mp4v", form))
    yield _full(b"stts", struct.pack(">I", count) + b"".join(struct.pack(">2I", 1, one) for one in durations))
    yield _full(b"stsc", struct.pack(">4I", 1, 1, count, 1))
    yield _full(b"stsz", struct.pack(">2I", 0, count) + b"".join(struct.pack(">I", len(one)) for one in pictures))
    yield _full(b"stco", struct.pack(">2I", 1, offset))


def _encode_comment(text: str) -> bytes:
    """Encode the text as a comment, in the form of metadata that iTunes introduced."""
    content = _box(b"data", struct.pack(">2I", 1, 0), text.encode("utf-8", "replace"))
    handler = _full(b"hdlr", bytes(4) + b"mdirappl" + bytes(9))
    return _full(b"meta", handler + _box(b"ilst", _box(b"\xa9cmt", content)))


def _box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I", len(content) + 8) + name + content


def _full(name: bytes, content: bytes = b"", *, flags: int = 0) -> bytes:
    """Return a box with a version and flags."""
    return _box(name, struct.pack(">I", flags), content)


def _descriptor(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content
