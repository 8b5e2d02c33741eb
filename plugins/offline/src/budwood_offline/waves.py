"""
Texts within WAV files: the chunk INFO.

Source: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, chapter 2, INFO list chunk.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO, Final

from budwood.types import AudioPart

SOFTWARE: Final = b"budwood-offline"
"""The entry ISFT, which names the program that wrote a file."""

_MAX_INFO: Final = 1024 * 1024
_MAX_CHUNKS: Final = 1000


def make_info(entries: Mapping[bytes, bytes]) -> bytes:
    """Return the chunk with entries. Each ends with a zero byte, and has an even size."""
    content = b"INFO" + b"".join(_make_chunk(name, text + b"\0") for name, text in entries.items())
    return _make_chunk(b"LIST", content)


def read_info(audio: AudioPart) -> dict[bytes, bytes]:
    """Return the entries of a WAV file; none if it is no WAV file, or has none. Samples are not read."""
    with _open(audio) as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return {}
        for name, size in _chunks(file):
            if name == b"LIST" and size <= _MAX_INFO:
                content = file.read(size)
                if content[:4] == b"INFO":
                    inner = io.BytesIO(content[4:])
                    return {key: inner.read(length).removesuffix(b"\0") for key, length in _chunks(inner)}
    return {}


def read_seconds(audio: AudioPart) -> float:
    """Return the duration of a WAV file with a header; 0 for one without samples."""
    rate, size = 0, 0
    with _open(audio) as file:
        file.seek(12)
        for name, length in _chunks(file):
            if name == b"fmt ":
                (rate,) = struct.unpack_from("<I", file.read(min(length, 64)).ljust(12, b"\0"), 8)
            elif name == b"data":
                size = length
    return size / rate if rate else 0.0


def _open(audio: AudioPart) -> AbstractContextManager[BinaryIO]:
    return io.BytesIO(audio.read()) if audio.path is None else audio.path.open("rb")


def _make_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield names and sizes of chunks; the file is at the content of each."""
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack("<4sI", head)
        start = file.tell()
        yield name, size
        file.seek(start + size + size % 2)
