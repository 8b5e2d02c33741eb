"""Replace files in a request by a digest, so that recordings neither store nor compare their content."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Final

from budwood.types import BodyFile, HTTPCall
from budwood.wire.uploads import Upload
from budwood_testing.forms import boundary_of

_BOUNDARY: Final = b"boundary"
"""Replaces the boundary of a multipart form, which is random."""


def describe_files(call: HTTPCall) -> HTTPCall:
    """
    Return the call with size and SHA-256 instead of the content of each file, and with a fixed form boundary.

    Raises:
        PromptError: A file cannot be read.
    """
    boundary = boundary_of(call.headers)
    if isinstance(call.body, bytes) and boundary is None:
        return call
    parts = (call.body,) if isinstance(call.body, bytes) else call.body
    body = b"".join(_describe(part) if isinstance(part, BodyFile) else part for part in parts)
    if boundary is None:
        return replace(call, body=body)
    headers = {name: value.replace(boundary.decode(), _BOUNDARY.decode()) for name, value in call.headers.items()}
    return replace(call, headers=headers, body=body.replace(boundary, _BOUNDARY))


def _describe(file: BodyFile) -> bytes:
    digest = sha256()
    upload = Upload((file,))
    for block in upload:
        digest.update(block)
    return f"[file of {upload.size} bytes, sha256 {digest.hexdigest()}]".encode()
