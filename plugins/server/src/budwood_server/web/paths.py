"""The parts of the server, by the paths of their routes."""

from __future__ import annotations

from typing import Final

GATEWAY: Final = "/v1/"
"""What the paths of the gateway's routes begin with."""

EVENTS: Final = "/v1/events"
"""The path of streams of events."""

PAGE: Final = "/admin"
"""The path of the admin page, and what its other paths begin with."""

RUN_DOCUMENTS: Final = "/api/runs/documents"
"""The path to which programs upload documents of runs."""

PAGE_RUN_DOCUMENTS: Final = f"{PAGE}/runs/documents"
"""The path to which the form of the admin page uploads them."""

LOGIN: Final = "/api/auth/"
"""What the paths of logins begin with."""


def is_page(path: str) -> bool:
    """Tell whether the admin page answers a path."""
    return path == PAGE or path.startswith(f"{PAGE}/")
