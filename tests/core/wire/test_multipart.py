"""Forms in the format of RFC 7578 and HTML."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.types import BodyFile
from budwood.wire.multipart import FormField, encode_form
from budwood.wire.uploads import read_body
from budwood_testing.forms import ParsedField, parse_form


def find_boundary(form):
    """
    Return the boundary between the fields of a form.
    """
    return form.content_type.partition("boundary=")[2].encode()


def test_form_is_encoded_as_by_browsers(tmp_path):
    """
    Each field has a head, an empty line and its content; files have a name and a media type.
    """
    file = tmp_path / "a.wav"
    file.write_bytes(b"RIFF")
    form = encode_form(
        [
            FormField("model", "whisper-1"),
            FormField("file", BodyFile(file), content_type="audio/wav"),
            FormField("mask", b"\x00", filename="mask.png"),
        ]
    )
    mark = b"--" + find_boundary(form)

    assert form.content_type.startswith("multipart/form-data; boundary=")
    assert isinstance(form.body[1], BodyFile)
    assert read_body(form.body) == (
        mark + b'\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        + mark + b'\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\nRIFF\r\n"
        + mark + b'\r\nContent-Disposition: form-data; name="mask"; filename="mask.png"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\x00\r\n"
        + mark + b"--\r\n"
    )  # fmt: skip


def test_form_without_files_is_bytes():
    """
    No file has to be opened for it.
    """
    assert isinstance(encode_form([FormField("a", "1")]).body, bytes)
    assert isinstance(encode_form([]).body, bytes)


@given(
    st.lists(st.tuples(st.text(), st.text() | st.binary(), st.none() | st.text()), max_size=4),
)
def test_encoded_form_is_decoded_unchanged(fields):
    """
    Names with quotes, line breaks or non-ASCII letters, and any content, are unchanged.
    """
    fields = [tuple(text.encode("utf-8", "replace").decode() if isinstance(text, str) else text for text in field)
              for field in fields]  # fmt: skip
    form = encode_form(FormField(name, value, filename) for name, value, filename in fields)

    assert parse_form({"content-type": form.content_type}, read_body(form.body)) == [
        ParsedField(
            _percent(name),
            value.encode() if isinstance(value, str) else value,
            None if filename is None else _percent(filename),
            None if filename is None else "application/octet-stream",
        )
        for name, value, filename in fields
    ]


def _percent(name):
    """
    HTML does not escape the percent sign, so text that looks escaped is decoded.
    """
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def test_boundary_does_not_occur_in_a_field():
    """
    If a field contains the boundary of its form, the form gets another one.
    """
    one = encode_form([FormField("a", "")])
    again = encode_form([FormField("a", "x"), FormField("b", find_boundary(one))])

    assert read_body(again.body).count(find_boundary(again)) == 3


def test_equal_forms_have_the_same_boundary():
    """
    Encoding a form twice gives the same call; another form has another boundary.
    """
    fields = [FormField("a", "1"), FormField("file", BodyFile(Path("x.png")))]

    assert encode_form(fields) == encode_form(list(fields))
    assert encode_form(fields).content_type != encode_form(fields[:1]).content_type


def test_media_type_cannot_add_a_header():
    """
    A line break in a content type is an error.
    """
    with pytest.raises(ValueError, match="media type"):
        encode_form([FormField("a", b"", "x", "image/png\r\nx-evil: 1")])
