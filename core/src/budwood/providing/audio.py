"""Headers of WAV files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_FORMAT_BYTES: Final = 16
"""The size of the chunk with the format, without extensions."""


def make_wave_header(size: int, *, rate: int = 24_000, channels: int = 1, sample_bytes: int = 2) -> bytes:
    """
    Return the header of a WAV file with linear samples.

    Source: the specification of RIFF, WAVE form.

    Args:
        size: The bytes of all samples.
        rate: Samples per second.
        channels: The number of channels.
        sample_bytes: The bytes of a sample.
    """
    block = channels * sample_bytes
    kind = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block, block, sample_bytes * 8)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + kind + struct.pack("<4sI", b"data", size)


def repair_wave(content: bytes) -> bytes:
    """
    Correct the sizes in the header of a WAV file that was written as a stream; all else is returned unchanged.

    The header may have further chunks before the samples.
    """
    chunks = dict(_list_chunks(content))
    if b"data" not in chunks:
        return content
    start, size = chunks[b"data"]
    left = len(content) - start
    if size <= left and struct.unpack_from("<I", content, 4)[0] <= len(content):
        return content
    fixed = bytearray(content)
    struct.pack_into("<I", fixed, 4, len(content) - 8)
    struct.pack_into("<I", fixed, start - 4, left)
    return bytes(fixed)


def read_wave_seconds(content: bytes, size: int | None = None) -> float | None:
    """
    Return the duration of a WAV file in seconds; None for other content, or without the rate of its samples.

    Args:
        content: The file, or its first bytes.
        size: The size of the file; by default that of the content. A header that was written as a stream states more.
    """
    chunks = dict(_list_chunks(content))
    if b"fmt " not in chunks or b"data" not in chunks or chunks[b"fmt "][1] < _FORMAT_BYTES:
        return None
    (rate,) = struct.unpack_from("<I", content, chunks[b"fmt "][0] + 8)
    start, stated = chunks[b"data"]
    return min(stated, (len(content) if size is None else size) - start) / rate if rate else None


def _list_chunks(content: bytes) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield the chunks of a WAV file by name, up to the samples: where their content starts, and its size."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return
    position, name = 12, b""
    while position + 8 <= len(content) and name != b"data":
        name, size = struct.unpack_from("<4sI", content, position)
        yield name, (position + 8, size)
        position += 8 + size + size % 2
