"""
Encode ``multipart/form-data`` bodies, without reading the files in them.

Source: RFC 7578; names are quoted as in WHATWG HTML, section "Multipart form data".
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from pathlib import PurePath
from typing import Final, NamedTuple

from budwood.types import Body, BodyFile

_KEY: Final = secrets.token_bytes(32)
"""Makes unpredictable boundaries: a file that contains the boundary could add fields to the form."""

_QUOTED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class FormField:
    """
    One field of a form.

    Attributes:
        name: Its name; several fields may share one.
        value: Text, bytes or a file.
        filename: The file name that is sent. Bytes without one are an ordinary field; a file without one is sent with
            its own name.
        content_type: The media type of bytes or a file; with a file name the default is
            ``application/octet-stream``.
    """

    name: str
    value: str | bytes | BodyFile
    filename: str | None = None
    content_type: str | None = None


class Form(NamedTuple):
    """
    An encoded form.

    Attributes:
        content_type: The value of the header ``content-type``.
        body: The body of the call.
    """

    content_type: str
    body: Body


def encode_form(fields: Iterable[FormField]) -> Form:
    """
    Encode a form.

    The boundary does not occur in any field. Equal forms have the same boundary within one process, so encoding a call
    twice gives the same call.

    Raises:
        ValueError: A content type contains a line break.
    """
    parts = [(_head(field), _content(field.value)) for field in fields]
    boundary = _boundary(parts)
    body: list[bytes | BodyFile] = []
    text = b""
    for head, content in parts:
        text += b"--" + boundary + b"\r\n" + head
        if isinstance(content, BodyFile):
            body += [text, content]
            text = b"\r\n"
        else:
            text += content + b"\r\n"
    body.append(text + b"--" + boundary + b"--\r\n")
    return Form(
        f"multipart/form-data; boundary={boundary.decode()}",
        tuple(body) if len(body) > 1 else b"".join(part for part in body if isinstance(part, bytes)),
    )


def _head(field: FormField) -> bytes:
    filename, content_type = field.filename, field.content_type
    if filename is None and isinstance(field.value, BodyFile):
        filename = PurePath(field.value.path).name
    lines = [f'Content-Disposition: form-data; name="{_quote(field.name)}"']
    if filename is not None:
        lines[0] += f'; filename="{_quote(filename)}"'
        content_type = content_type or "application/octet-stream"
    if content_type is not None:
        if not content_type.isprintable():
            raise ValueError(f"{content_type!r} is not a media type.")
        lines.append(f"Content-Type: {content_type}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def _quote(name: str) -> str:
    return name.translate(_QUOTED)


def _content(value: str | bytes | BodyFile) -> bytes | BodyFile:
    return value.encode() if isinstance(value, str) else value


def _boundary(parts: list[tuple[bytes, bytes | BodyFile]]) -> bytes:
    """Derive a boundary of 128 bits, which will not occur in a file, and check that it does not occur elsewhere."""
    digest = blake2b(key=_KEY, digest_size=16)
    for head, content in parts:
        text = content if isinstance(content, bytes) else repr(content).encode()
        digest.update(b"%d %d " % (len(head), len(text)) + head + text)
    for number in count():
        attempt = digest.copy()
        attempt.update(b"%d" % number)
        boundary = b"budwood-" + attempt.hexdigest().encode()
        if not any(boundary in part for pair in parts for part in pair if isinstance(part, bytes)):
            return boundary
    raise AssertionError("unreachable")
