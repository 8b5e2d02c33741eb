"""Read the headers of replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from budwood import providing

REQUEST_ID_HEADERS: Final = ("apim-request-id", "x-ms-request-id")
"""Headers of the request id besides the usual ones. They are Azure's; some recorded replies have only the first."""


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's id of the request."""
    return providing.request_id(headers, *REQUEST_ID_HEADERS)
