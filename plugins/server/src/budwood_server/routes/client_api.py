"""Which API a client speaks, on routes that several have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood_server.formats.errors import OWN

if TYPE_CHECKING:
    from budwood_server.routes.table import Route
    from budwood_server.web.exchange import Exchange

OPENAI: Final = "openai"
ANTHROPIC: Final = "anthropic"


def find_api(exchange: Exchange, route: Route | None) -> str:
    """Return the API of a route; without one, or if several have it, that of the client by its headers."""
    if route is not None and route.api:
        return route.api
    if not exchange.path.startswith("/v1/"):
        return OWN
    return ANTHROPIC if exchange.header(b"anthropic-version") is not None else OPENAI
