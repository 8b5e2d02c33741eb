"""
Detect the media type of content by its first bytes, and the size of images by their headers.

Sources: PNG (ISO/IEC 15948), JPEG (ITU-T T.81, annex B), GIF89a, WebP (RFC 9649), RIFF and WAVE, MPEG audio (ISO/IEC
11172-3, section 2.4.1.3), ID3, FLAC (RFC 9639), Ogg (RFC 3533), Matroska (RFC 9559), ISO base media (ISO/IEC 14496-12),
MPEG transport streams (ISO/IEC 13818-1, section 2.4.3.2), Office Open XML (ECMA-376, part 2).
"""

from __future__ import annotations

import mimetypes
import re
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from budwood.types import MediaKind

HEAD_BYTES: Final = 64 * 1024
"""How many bytes of a file are needed. JPEG files may have metadata of this size before the size of the image."""

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_MATROSKA: Final = "video/matroska"
_ZIP: Final = "application/zip"

_SIGNATURES: Final = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/bmp": re.compile(rb"BM....\0\0\0\0", re.DOTALL),
    "image/tiff": re.compile(rb"II\*\0|MM\0\*"),
    "application/pdf": re.compile(rb"(?:\xef\xbb\xbf)?\s*%PDF-"),
    "audio/wav": re.compile(rb"(?:RIFF|RF64|BW64)....WAVE", re.DOTALL),
    "audio/aiff": re.compile(rb"FORM....AIF[FC]", re.DOTALL),
    "audio/flac": re.compile(rb"fLaC"),
    "audio/aac": re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"),
    "audio/mpeg": re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]"),
    "audio/ogg": re.compile(rb"OggS"),
    _MATROSKA: re.compile(rb"\x1aE\xdf\xa3"),
    "video/mp4": re.compile(rb"....ftyp", re.DOTALL),
    "video/mp2t": re.compile(rb"G[\x00-\x1f\x40-\x5f].{186}G", re.DOTALL),
    _ZIP: re.compile(rb"PK\x03\x04"),
}
"""The first bytes of each file format. MPEG audio without ID3 begins with a frame of layer III."""

_BRANDS: Final = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"heim": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
    b"avis": "image/avif",
}
"""Major brands of ISO base media files; any other one is MP4."""

_OFFICE_FOLDERS: Final = {
    b"word/": f"{_OFFICE}.wordprocessingml.document",
    b"xl/": f"{_OFFICE}.spreadsheetml.sheet",
    b"ppt/": f"{_OFFICE}.presentationml.presentation",
}

_TEXT_SUFFIXES: Final = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".tab": "text/tab-separated-values",
    ".json": "application/json",
    ".ts": "text/plain",  # TypeScript, which many systems take for an MPEG transport stream
}
"""Media types of texts by the end of their name, which differ between systems."""

_SYNONYMS: Final = {
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/m4a": "audio/mp4",
    "audio/mp4a-latm": "audio/mp4",
    "image/jpg": "image/jpeg",
    "application/ogg": "audio/ogg",
}
"""Other names of media types, without the prefix ``x-`` of names that were not registered."""

_CHECKED: Final = frozenset({*_SIGNATURES, *_BRANDS.values(), *_OFFICE_FOLDERS.values(), "audio/webm", "video/webm"})
"""Media types whose content always has a known beginning."""


def sniff_media_type(head: bytes) -> str | None:
    """
    Return the media type of content by its first bytes; None if it is not known, as for text.

    Args:
        head: The first bytes, at most `HEAD_BYTES`.
    """
    found = next((kind for kind, signature in _SIGNATURES.items() if signature.match(head)), None)
    match found:
        case "video/mp4":
            return _BRANDS.get(head[8:12], found)
        case "video/matroska":
            return _sniff_matroska(head)
        case "audio/ogg":
            return "video/ogg" if b"\x80theora" in head[:512] else found
        case "application/zip":
            return next((kind for folder, kind in _OFFICE_FOLDERS.items() if _has_folder(head, folder)), found)
        case _:
            return found


def detect_media_type(name: str, head: bytes) -> str:
    """
    Return the media type of a file by its content. Its name only distinguishes formats of equal content.

    If the name promises a format that the content does not have, the promised type is returned: its media handler
    reports the difference. Text in UTF-8 without such a promise is text, whatever its name is.

    Args:
        name: The name of the file.
        head: Its first bytes, at most `HEAD_BYTES`.
    """
    named = _media_type_of_name(name)
    sniffed = sniff_media_type(head)
    if sniffed is not None:
        return named if (sniffed, named) in _REFINED else sniffed
    if named in _CHECKED:
        return named
    if is_text(head):
        return named if named.startswith("text/") or named == "application/json" else "text/plain"
    return named if named.startswith("text/") else "application/octet-stream"


def has_media_type(head: bytes, media_type: str) -> bool:
    """Tell whether content is in the format of a media type, by its first bytes; see `detect_media_type`."""
    sniffed = sniff_media_type(head)
    return sniffed == media_type or (sniffed, media_type) in _REFINED


def can_be(head: bytes, media_type: str | None, kind: str) -> bool:
    """
    Tell whether content of a stated media type can be media of a kind. Formats without a known beginning are trusted.

    Args:
        head: The first bytes, at most `HEAD_BYTES`.
        media_type: The media type; None if it is unknown, which text is not.
        kind: The kind of media.
    """
    if media_type is None:
        return not is_text(head)
    is_false = media_type in _CHECKED and not has_media_type(head, media_type)
    return media_kind(media_type) == kind and not is_false


_REFINED: Final = frozenset(
    {("video/mp4", "audio/mp4"), ("video/webm", "audio/webm"), *((_ZIP, kind) for kind in _OFFICE_FOLDERS.values())}
)
"""Pairs of a sniffed media type and a more exact one that the name of a file may state."""


def is_text(head: bytes) -> bool:
    """Tell whether content is text in UTF-8, by its first bytes; the last character may be incomplete."""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or len(head) < HEAD_BYTES:
            return False
    return b"\0" not in head


def media_kind(media_type: str) -> MediaKind | None:
    """Return the kind of media of a media type: PDF is a document; None for text and all else."""
    match media_type.partition("/")[0]:
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
        case _:
            return "document" if media_type == "application/pdf" else None


def normalise_media_type(media_type: str) -> str:
    """Return a media type without parameters, in lower case, under its usual name."""
    plain = media_type.partition(";")[0].strip().lower().replace("/x-", "/")
    return _SYNONYMS.get(plain, plain)


class ImageSize(NamedTuple):
    """The size of an image in pixels."""

    width: int
    height: int


def read_image_size(head: bytes) -> ImageSize | None:
    """
    Return the size of a PNG, JPEG, GIF or WebP image by its header; None if the header is incomplete or another format.

    Args:
        head: The first bytes, at most `HEAD_BYTES`.
    """
    read = _SIZES.get(sniff_media_type(head) or "")
    try:
        return None if read is None else read(head)
    except (struct.error, IndexError):
        return None


def _media_type_of_name(name: str) -> str:
    suffix = re.search(r"\.\w+$", name)
    if suffix and (known := _TEXT_SUFFIXES.get(suffix[0].lower())):
        return known
    return normalise_media_type(mimetypes.guess_type(name)[0] or "")


def _has_folder(head: bytes, folder: bytes) -> bool:
    """Tell whether a local header of a ZIP file names a file in a folder; names follow 26 bytes after the mark."""
    return re.search(rb"PK\x03\x04.{26}" + folder, head, re.DOTALL) is not None


def _sniff_matroska(head: bytes) -> str:
    """Return the media type of a Matroska file: WebM if its header says so, audio if it has no codec of video."""
    if b"webm" not in head[:64]:
        return _MATROSKA
    has_audio_only = b"A_" in head and b"V_" not in head
    return "audio/webm" if has_audio_only else "video/webm"


def _png_size(head: bytes) -> ImageSize | None:
    if head[12:16] != b"IHDR":
        return None
    return ImageSize(*struct.unpack_from(">II", head, 16))


def _gif_size(head: bytes) -> ImageSize:
    return ImageSize(*struct.unpack_from("<HH", head, 6))


def _webp_size(head: bytes) -> ImageSize | None:
    match head[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return ImageSize(width & 0x3FFF, height & 0x3FFF)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", head, 21)
            return ImageSize((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8X":
            width, height = (int.from_bytes(head[start : start + 3], "little") + 1 for start in (24, 27))
            return ImageSize(width, height) if len(head) >= 30 else None
        case _:
            return None


def _jpeg_size(head: bytes) -> ImageSize | None:
    """Follow the segments to the frame header, SOF0 to SOF15 without DHT, JPG and DAC."""
    place = 2
    while head[place] == 0xFF:
        marker = head[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, place + 5)
            return ImageSize(width, height)
        place += 2
        if not (0xD0 <= marker <= 0xD8 or marker == 0x01):
            place += struct.unpack_from(">H", head, place)[0]
    return None


_SIZES: Final[dict[str, Callable[[bytes], ImageSize | None]]] = {
    "image/png": _png_size,
    "image/jpeg": _jpeg_size,
    "image/gif": _gif_size,
    "image/webp": _webp_size,
}
