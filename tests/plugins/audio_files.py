"""Audio files that consist of headers and silence, and a tone."""

from __future__ import annotations

import io
import math
import struct
import wave

MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(413)
"""A frame of MPEG 1, layer III, at 128 kbit/s and 44,100 Hz: 1152 samples."""


def make_mp3(frames: int = 100) -> bytes:
    """
    Return silence.
    """
    return MP3_FRAME * frames


def make_tone(seconds: float, *, rate: int = 16_000, width: int = 2, channels: int = 1) -> bytes:
    """
    Return a WAV file with a tone of 440 Hz at half of the full level.
    """
    middle, level = (128, 64) if width == 1 else (0, 1 << (8 * width - 2))
    values = (
        middle + round(level * math.sin(2 * math.pi * 440 * index / rate)) for index in range(round(seconds * rate))
    )
    frames = b"".join(value.to_bytes(width, "little", signed=width > 1) * channels for value in values)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", None))
        writer.writeframes(frames)
    return file.getvalue()


def make_flac(seconds: int = 2, rate: int = 8000) -> bytes:
    """
    Return a FLAC file without frames (RFC 9639, section 8.2).
    """
    bits = rate << 44 | 15 << 36 | seconds * rate
    return b"fLaC\x80\0\0\x22" + struct.pack(">HH", 4096, 4096) + bytes(6) + bits.to_bytes(8) + bytes(16)


def make_opus(seconds: int = 2) -> bytes:
    """
    Return an OGG file with the headers of Opus (RFC 7845, section 5), and an empty page at its end.
    """

    def page(number: int, kind: int, position: int, packet: bytes) -> bytes:
        head = struct.pack("<4sBBqIIIB", b"OggS", 0, kind, position, 7, number, 0, 1)
        return head + bytes([len(packet)]) + packet

    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 1) + b"a" + struct.pack("<I", 0)
    return page(0, 2, 0, head) + page(1, 0, 0, tags) + page(2, 4, seconds * 48_000, b"\0")


def make_aiff(seconds: int = 2, rate: int = 8000) -> bytes:
    """
    Return silence in 8 bits.
    """
    frames = seconds * rate
    extended = struct.pack(">HQ", 16383 + rate.bit_length() - 1, rate << 64 - rate.bit_length())
    common = b"COMM" + struct.pack(">IHIH", 18, 1, frames, 8) + extended
    sound = b"SSND" + struct.pack(">III", 8 + frames, 0, 0) + bytes(frames)
    return b"FORM" + struct.pack(">I", 4 + len(common) + len(sound)) + b"AIFF" + common + sound
