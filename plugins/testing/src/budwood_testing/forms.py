"""Parse multipart forms of requests, as a server does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_FORM: Final = re.compile(r'multipart/form-data;.*?boundary="?([^";]+)', re.IGNORECASE)
_PARAMETER: Final = re.compile(r'; (name|filename)="([^"]*)"')
_ESCAPES: Final = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


class ParsedField(NamedTuple):
    """A field of a multipart form; without a file name and a content type it is plain text."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def boundary_of(headers: Mapping[str, str]) -> bytes | None:
    """Return the boundary of a multipart form, or None for another content type."""
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    found = _FORM.match(content_type)
    return None if found is None else found[1].encode()


def parse_form(headers: Mapping[str, str], body: bytes) -> list[ParsedField]:
    """
    Parse a ``multipart/form-data`` body into its fields.

    Raises:
        AssertionError: The request is not a form, or the body does not match its boundary.
    """
    boundary = boundary_of(headers)
    if boundary is None:
        raise AssertionError("the request is not a multipart form")
    first, *parts, last = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if (first, last) != (b"", b"--\r\n"):
        raise AssertionError("the form does not start and end with its boundary")
    return [_parse_field(part) for part in parts]


def _parse_field(part: bytes) -> ParsedField:
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n"))
    fields = {name.lower(): value for name, _, value in lines}
    disposition = fields.get("content-disposition", "")
    if not disposition.startswith("form-data;"):
        raise AssertionError(f"invalid content-disposition of a form field: {disposition!r}")
    parameters = {name: _unquote(value) for name, value in _PARAMETER.findall(disposition)}
    return ParsedField(parameters["name"], content, parameters.get("filename"), fields.get("content-type"))


def _unquote(name: str) -> str:
    for escaped, plain in _ESCAPES:
        name = name.replace(escaped, plain)
    return name
