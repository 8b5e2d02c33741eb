"""Encode the media of messages, without reading files."""

from __future__ import annotations

import base64
from typing import NamedTuple

from budwood.providing.file_texts import FileText
from budwood.types import AnyMedia, BodyFile


class InlineMedia(NamedTuple):
    """
    Media that are sent inside the request.

    Attributes:
        media_type: The media type, such as ``image/png``; None if unknown.
        base64: The content in base64. That of a file is a `FileText`.
    """

    media_type: str | None
    base64: str


def inline_media(part: AnyMedia) -> InlineMedia | None:
    """
    Encode media from their bytes, their file or their ``data:`` URL.

    Returns None if they have a URL that the vendor must fetch, or an id of the vendor.
    """
    if part.data is not None:
        return InlineMedia(_find_type(part), base64.b64encode(part.data).decode("ascii"))
    if part.path is not None:
        return InlineMedia(part.media_type, FileText(BodyFile(part.path, base64=True)))
    head, comma, content = (part.url or "").partition(";base64,")
    if not comma or not head.startswith("data:"):
        return None
    return InlineMedia(head.removeprefix("data:").partition(";")[0] or None, content)


def media_url(part: AnyMedia) -> str | None:
    """Return the URL of media: their own, or one with their content; None for those with an id."""
    if part.url is not None:
        return part.url
    prefix = f"data:{_find_type(part) or 'application/octet-stream'};base64,"
    if part.path is not None:
        return FileText(BodyFile(part.path, base64=True), prefix)
    return None if part.data is None else prefix + base64.b64encode(part.data).decode("ascii")


def _find_type(part: AnyMedia) -> str | None:
    """Return the media type that the caller states, or else that of the first bytes."""
    if part.media_type is not None or part.data is None:
        return part.media_type
    from budwood.providing.sniffing import HEAD_BYTES, sniff_media_type  # callers usually state it

    return sniff_media_type(part.data[:HEAD_BYTES])
