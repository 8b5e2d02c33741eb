"""Small valid media files, made from the specifications of their formats."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

from budwood.types import MediaFile


def make_png(width: int = 1, height: int = 1) -> bytes:
    """
    Return a white PNG image in shades of grey.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def make_wav(seconds: float = 0.1, rate: int = 8000) -> bytes:
    """
    Return silence in 16 bits.
    """
    data = b"\0\0" * int(seconds * rate)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    header = struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data))
    return header + data


def make_pdf(pages: int = 1) -> bytes:
    """
    Return a PDF document of empty pages.
    """
    kids = " ".join(f"{3 + number} 0 R" for number in range(pages))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {pages}>>"]
    objects += ["<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>"] * pages
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{each}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(content)}\n%%EOF\n"
    return content + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode()


IMAGES: Final = {
    "png": make_png(),
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x0b\x08\0\x02\0\x03\x01\x01\x11\0\xff\xd9",
    "gif": b"GIF89a\x03\x00\x02\x00\x00\x00\x00;",
    "webp": b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x02\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
}
"""Images; those other than PNG have only their headers, and are three pixels wide and two high."""


def make_box(kind: bytes, *contents: bytes) -> bytes:
    """
    Return a box of MP4 (ISO/IEC 14496-12, section 4.2).
    """
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def make_mp4(seconds: float = 2.5, brand: bytes = b"isom") -> bytes:
    """
    Return an MP4 file that has only its headers, the movie header after the data.
    """
    header = struct.pack(">IIIII", 0, 0, 0, 1000, int(seconds * 1000)) + bytes(80)
    movie = make_box(b"moov", make_box(b"mvhd", header))
    return make_box(b"ftyp", brand, bytes(4), brand) + make_box(b"mdat", bytes(100)) + movie


def make_webm(seconds: float = 2.5, codec: bytes = b"V_VP9") -> bytes:
    """
    Return a WebM file that has only its headers; the size of its segment is unknown, as in a live stream.
    """
    duration = b"\x44\x89\x88" + struct.pack(">d", seconds * 1000)
    scale = b"\x2a\xd7\xb1\x83" + (1_000_000).to_bytes(3)
    info = scale + duration
    document = b"\x42\x82\x84webm"
    head = b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(document)]) + document
    track = b"\x86" + bytes([0x80 | len(codec)]) + codec
    segment = b"\x15\x49\xa9\x66" + bytes([0x80 | len(info)]) + info + b"\x16\x54\xae\x6b" + bytes([0x80 | len(track)])
    return head + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + segment + track


def make_file(name: str, data: bytes, media_type: str, **fields: Any) -> MediaFile:
    """
    Return a file in memory, as the engine passes it to a media handler.
    """
    return MediaFile(name=name, media_type=media_type, size=len(data), data=data, **fields)
