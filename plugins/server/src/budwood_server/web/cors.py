"""Cross-origin requests of web pages (CORS), for origins that the settings name. Source: the Fetch standard."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from budwood_server.web.exchange import Exchange, Header

_METHODS: Final = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED: Final = (
    b"x-request-id, retry-after, x-budwood-provider, x-budwood-model, x-budwood-attempts, x-budwood-cost, "
    b"x-budwood-cache, x-budwood-adaptations, x-budwood-prompt, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
    b"x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
    b"x-ratelimit-reset-tokens"
)
_MAX_AGE: Final = b"600"


def allow_origin(exchange: Exchange, allowed: Collection[str]) -> bool:
    """
    Add the headers that let a web page of an allowed origin read the reply.

    Returns:
        Whether the request is a preflight of an allowed origin, which is answered before authentication.
    """
    if not allowed:
        return False
    exchange.headers.append((b"vary", b"origin"))
    origin = exchange.header(b"origin")
    if origin is None or not (origin in allowed or "*" in allowed):
        return False
    exchange.headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
    is_preflight = exchange.method == "OPTIONS" and exchange.header(b"access-control-request-method") is not None
    if not is_preflight:
        exchange.headers.append((b"access-control-expose-headers", _EXPOSED))
    return is_preflight


async def answer_preflight(exchange: Exchange) -> None:
    """Answer a preflight: every header is allowed, because SDKs send many of their own."""
    requested = exchange.header(b"access-control-request-headers") or "authorization, content-type"
    headers: list[Header] = [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", requested.encode("latin-1")),
        (b"access-control-max-age", _MAX_AGE),
    ]
    await exchange.send(204, b"", headers)
