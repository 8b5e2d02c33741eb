"""Read the headers of replies."""

from __future__ import annotations

from collections.abc import Mapping

from budwood import providing


def parse_request_id(headers: Mapping[str, str]) -> str | None:
    """Return the vendor's id of the request. Gemini's own reply id is in the body, as ``responseId``."""
    return providing.parse_request_id(headers, "x-goog-request-id")
