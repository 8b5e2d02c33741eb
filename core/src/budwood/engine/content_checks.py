"""Check that a result is media, and not a page or an error in its place."""

from __future__ import annotations

from budwood.errors import BadResponseError
from budwood.providing import describe_body, is_text, media_kind, sniff_media_type
from budwood.providing.sniffing import can_be
from budwood.types import MediaKind


def check_media(head: bytes, kind: MediaKind, media_type: str | None = None) -> None:
    """
    Check that content can be media. Vendors may send a picture as a video, and audio in a container of videos.

    Args:
        head: The first bytes, at most `HEAD_BYTES`.
        kind: The kind of media that was asked for.
        media_type: The media type that the vendor states, which tells vector images from other texts.

    Raises:
        BadResponseError: It is a text, empty, or a file of another kind.
    """
    found = sniff_media_type(head)
    is_media = media_kind(found) in ("image", "audio", "video") if found else not is_text(head)
    if not (is_media or (found is None and head and can_be(head, media_type, kind))):
        expected = {"image": "an image", "video": "a video"}.get(kind, kind)
        raise BadResponseError(f"The result is not {expected} but {found or describe_body(head)}.")
