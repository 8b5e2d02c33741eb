"""Media types and sizes of images are detected by content."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import (
    detect_media_type,
    has_media_type,
    media_kind,
    normalise_media_type,
    read_image_size,
    sniff_media_type,
)
from tests.media import IMAGES, make_pdf, make_png, make_wav

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def zip_entry(name: bytes) -> bytes:
    """
    Return the local header of a file in a ZIP file.
    """
    return struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name


CONTENTS = {
    "image/png": make_png(),
    "image/jpeg": IMAGES["jpeg"],
    "image/gif": IMAGES["gif"],
    "image/webp": IMAGES["webp"],
    "image/heic": b"\0\0\0\x18ftypheic\0\0\0\0",
    "image/avif": b"\0\0\0\x1cftypavif",
    "application/pdf": make_pdf(),
    "audio/wav": make_wav(),
    "audio/mpeg": b"\xff\xfb\x90\x64" + bytes(100),
    "audio/aac": b"\xff\xf1\x50\x80" + bytes(100),
    "audio/flac": b"fLaC\0\0\0\x22",
    "audio/ogg": b"OggS\0\x02" + bytes(22) + b"\x01\x13OpusHead",
    "video/ogg": b"OggS\0\x02" + bytes(22) + b"\x01\x2a\x80theora",
    "audio/mp4": b"\0\0\0\x18ftypM4A \0\0\0\0",
    "video/mp4": b"\0\0\0\x18ftypisom\0\0\0\0",
    "video/quicktime": b"\0\0\0\x14ftypqt  ",
    "audio/webm": b"\x1aE\xdf\xa3\x9fB\x82\x84webm\x16T\xaekA_OPUS",
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x82\x84webm\x16T\xaekV_VP9 A_OPUS",
    "video/matroska": b"\x1aE\xdf\xa3\x9fB\x82\x88matroska",
    DOCX: zip_entry(b"[Content_Types].xml") + zip_entry(b"word/document.xml"),
    "application/zip": zip_entry(b"a.txt"),
}


@pytest.mark.parametrize("media_type", CONTENTS)
def test_content_is_detected_whatever_its_name_is(media_type):
    """
    The first bytes decide; a name that promises something else changes nothing.
    """
    content = CONTENTS[media_type]

    assert sniff_media_type(content) == media_type
    assert detect_media_type("a.txt", content) == media_type
    assert detect_media_type("a.png", content) == media_type
    assert has_media_type(content, media_type)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.m4a", CONTENTS["video/mp4"], "audio/mp4"),
        ("a.docx", CONTENTS["application/zip"], DOCX),
        ("a.csv", b"a,b\n", "text/csv"),
        ("a.TSV", b"a\tb\n", "text/tab-separated-values"),
        ("a.md", b"# A", "text/markdown"),
        ("a.json", b"{}", "application/json"),
        ("a.ts", b"const x = 1;", "text/plain"),
        ("a.svg", b"<svg/>", "text/plain"),
        ("a.svg", b"\xff\xfe<\0", "application/octet-stream"),
        ("a.txt", b"\xff\xfeH\0", "text/plain"),
        ("a", b"\0", "application/octet-stream"),
    ],
)
def test_names_distinguish_formats_of_equal_content(name, content, expected):
    """
    They distinguish texts, audio in MP4, and office documents whose order of files is unusual.
    """
    assert detect_media_type(name, content) == expected


@pytest.mark.parametrize("name", ["a.png", "a.mp3", "a.mp4", "a.pdf", "a.docx"])
def test_a_promise_that_the_content_breaks_is_kept(name):
    """
    Text that is called a PNG image is not read as text: its handler reports it.
    """
    promised = detect_media_type(name, b"<html>")

    assert not promised.startswith("text/")
    assert not has_media_type(b"<html>", promised)


def test_text_may_end_inside_a_character():
    """
    The first bytes of a long text may cut its last character.
    """
    text = ("ü" * 40_000).encode()

    assert detect_media_type("a", b"x" + text[: 64 * 1024 - 1]) == "text/plain"


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (make_png(640, 480), (640, 480)),
        (IMAGES["jpeg"], (3, 2)),
        (IMAGES["gif"], (3, 2)),
        (IMAGES["webp"], (3, 2)),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x02\0\0\x01\0\0", (3, 2)),
        (b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\x30\x01\x00\x9d\x01\x2a\x03\0\x02\0", (3, 2)),
    ],
)
def test_image_size_is_in_the_header(content, size):
    """
    It is found in each format, and a truncated header has none.
    """
    assert read_image_size(content) == size
    assert read_image_size(content[:9]) is None


@given(st.binary(max_size=200), st.sampled_from(sorted(CONTENTS)), st.text(max_size=8))
def test_any_content_has_a_media_type(data, media_type, name):
    """
    Damaged content and any name are no error.
    """
    for content in (data, CONTENTS[media_type][:20] + data):
        assert "/" in detect_media_type(name, content)
        read_image_size(content)


def test_media_types_have_kinds_and_usual_names():
    """
    PDF is a document, and names that were never registered have a usual one.
    """
    assert [media_kind(each) for each in ("image/png", "audio/wav", "video/mp4", "application/pdf", "text/csv")] == [
        "image",
        "audio",
        "video",
        "document",
        None,
    ]
    assert normalise_media_type("Audio/X-WAV; rate=8000") == "audio/wav"
