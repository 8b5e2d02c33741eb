"""Redirects of HTTP (RFC 9110, section 15.4)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin

from budwood.types import ReplyHead

MAX_REDIRECTS: Final = 5
"""How many redirects of one request are followed."""

_STATUSES: Final = frozenset({301, 302, 303, 307, 308})


def find_redirect(url: str, head: ReplyHead) -> str | None:
    """
    Return the URL to which a reply redirects; None for any other reply.

    Raises:
        ValueError: The URL is invalid, or has no TLS although the URL of the request has.
    """
    location = head.headers.get("location")
    if head.status not in _STATUSES or not location:
        return None
    target = urljoin(url, location)
    if url.lower().startswith("https:") and not target.lower().startswith("https:"):
        raise ValueError("it redirects to a URL without TLS")
    return target
