"""
How large the bodies of requests to the page and to ``/api`` may be. Routes under ``/v1`` have limits of their own.

Bodies are read into memory before the application of the page or of ``/api`` is called, except those of `STREAMED`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from budwood_server.settings import MEGABYTE
from budwood_server.web.paths import LOGIN, PAGE_RUN_DOCUMENTS, RUN_DOCUMENTS, is_page

if TYPE_CHECKING:
    from budwood_server.web.exchange import Exchange

STREAMED: Final = frozenset({RUN_DOCUMENTS, PAGE_RUN_DOCUMENTS})
"""Paths whose bodies are large: their routes write them to a file as they arrive, within a limit of their own."""

MAX_UNKNOWN: Final = 64 * 1024
"""The maximum size of a body in bytes before it is known who sends it: JSON can take 30 times its size of memory."""

MAX_FORM: Final = 2 * MEGABYTE
MAX_JSON: Final = 16 * MEGABYTE

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_read_before(exchange: Exchange) -> bool:
    """Tell whether a request has a body that is read before its application is called."""
    return exchange.method not in _WITHOUT_BODY and exchange.path not in STREAMED


async def find_limit(exchange: Exchange, identify: Callable[[Exchange], Awaitable[object]]) -> int:
    """
    Return the maximum size of a body in bytes. A larger one than a login has is only read of those who are known.

    Args:
        exchange: The request.
        identify: Raises an error unless it is known who sends the request.

    Raises:
        ProblemError: 401 or 403 for a large body of somebody else.
    """
    length = exchange.header(b"content-length")
    if length is not None and length.isdecimal() and int(length) <= MAX_UNKNOWN:
        return MAX_UNKNOWN
    if is_page(exchange.path):
        return MAX_FORM
    if exchange.path.startswith(LOGIN):
        return MAX_UNKNOWN
    await identify(exchange)
    return MAX_JSON
