from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError
from budwood_generation.documents.encodings import decode_text
from budwood_generation.documents.formats import Kind


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("iso-8859-1", "cp1252", "\u201cGr\xfc\xdfe\u201d \u2013 5 \u20ac"),
        ("windows-1252", "cp1252", "caf\xe9"),
        ("windows-1251", "cp1251", "\u0433\u0440\u0443\u0448\u0430"),
        ("x-sjis", "cp932", "\u68a8\u306e\u6728"),
        ("GB2312", "gb18030", "\u68a8\u6811"),
        ("iso-2022-jp", "iso2022_jp", "\u68a8\u306e\u6728"),
        ("utf-8", "utf-8", "caf\xe9"),
    ],
)
@pytest.mark.parametrize(
    "head",
    [
        "<meta charset={}>",
        "<META http-equiv='Content-Type' content='text/html; charset={}'>",
        '<?xml version="1.0" encoding="{}"?>',
    ],
)
def test_a_page_is_decoded_as_it_declares(label, encoding, text, head):
    """
    Names mean what they mean to browsers: ISO-8859-1 is Windows-1252.
    """
    page = f"{head.format(label)}<p>{text}</p>"

    assert decode_text(page.encode(encoding), "a.html", Kind.HTML) == page


@pytest.mark.parametrize("label", ["iso-8859-1", "latin9000", "rot13", "zlib", "punycode", "\xff"])
def test_valid_utf_8_is_decoded_as_such(label):
    """
    Pages that were converted may still declare their old encoding.
    """
    page = f"<meta charset={label}><p>caf\xe9</p>"

    assert decode_text(page.encode(), "a.html", Kind.HTML) == page


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("kind", [Kind.PLAIN, Kind.HTML, Kind.CSV])
def test_a_byte_order_mark_is_honoured(encoding, kind):
    """
    Spreadsheets save "Unicode text" in UTF-16. Line breaks become line feeds.
    """
    assert decode_text("caf\xe9\r\nau lait\r".encode(encoding), "a", kind) == "caf\xe9\nau lait\n"


@pytest.mark.parametrize(("kind", "encoding"), [(Kind.MARKDOWN, "UTF-8"), (Kind.HTML, "EUC_JP")])
def test_bytes_that_are_not_valid_are_rejected(kind, encoding):
    """
    Only pages declare an encoding. The error names it, and the byte.
    """
    with pytest.raises(ConfigurationError, match=rf"'a' is not {encoding}: byte 24 \(0xff\)"):
        decode_text(b"<meta charset='EUC-JP'> \xff", "a", kind)


@given(data=st.binary(), label=st.sampled_from(["", "gbk", "iso-2022-jp", "koi8-r", "macintosh"]))
def test_any_bytes_are_decoded_or_rejected(data, label):
    """
    No other error is raised.
    """
    with suppress(ConfigurationError):
        decode_text(f"<meta charset={label}>".encode() + data, "a.html", Kind.HTML)
