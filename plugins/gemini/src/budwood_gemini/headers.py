"""Parse the response headers of the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping

from budwood import providing


def parse_request_id(headers: Mapping[str, str]) -> str | None:
    """Return the request id. The id of the reply is in the body, as ``responseId``."""
    return providing.parse_request_id(headers, "x-goog-request-id")
