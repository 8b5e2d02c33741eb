"""Read the forms that calls send, as a server does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_FORM: Final = re.compile(r'multipart/form-data;.*?boundary="?([^";]+)', re.IGNORECASE)
_PARAMETER: Final = re.compile(r'; (name|filename)="([^"]*)"')
_QUOTED: Final = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


class SentField(NamedTuple):
    """One field of a form that was sent. Without a file name and a media type it is ordinary text."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def boundary_of(headers: Mapping[str, str]) -> bytes | None:
    """Return what separates the fields of a form; None for a call that sends no form."""
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    found = _FORM.match(content_type)
    return None if found is None else found[1].encode()


def read_form(headers: Mapping[str, str], body: bytes) -> list[SentField]:
    """
    Take a body in the form ``multipart/form-data`` apart.

    Raises:
        AssertionError: It is none, or its boundary is not where it has to be.
    """
    boundary = boundary_of(headers)
    if boundary is None:
        raise AssertionError("the call sends no form")
    first, *parts, last = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if (first, last) != (b"", b"--\r\n"):
        raise AssertionError("the form does not begin and end with its boundary")
    return [_read_field(part) for part in parts]


def _read_field(part: bytes) -> SentField:
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n"))
    fields = {name.lower(): value for name, _, value in lines}
    disposition = fields.get("content-disposition", "")
    if not disposition.startswith("form-data;"):
        raise AssertionError(f"a field of the form is {disposition or 'without a name'}")
    named = {name: _unquote(value) for name, value in _PARAMETER.findall(disposition)}
    return SentField(named["name"], content, named.get("filename"), fields.get("content-type"))


def _unquote(name: str) -> str:
    for quoted, plain in _QUOTED:
        name = name.replace(quoted, plain)
    return name
