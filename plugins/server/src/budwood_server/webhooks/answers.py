"""What is kept of the answers of endpoints: a part of bounded size that is safe to print."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budwood.contracts import AsyncExchange

MAX_READ: Final = 16 * 1024
"""The bytes of an answer that are read. The connection is closed then: it is not used again."""

MAX_BODY: Final = 2048
"""The number of characters of an answer that are kept."""

MAX_HEADERS: Final = 30
MAX_NAME: Final = 100
MAX_VALUE: Final = 500
"""The number of headers that are kept, and the characters of each name and value."""

_HIDDEN: Final = frozenset({"set-cookie", "authorization", "proxy-authenticate", "www-authenticate"})
_SAFE_SPACES: Final = frozenset("\n\t\N{NO-BREAK SPACE}")


async def read_start(exchange: AsyncExchange) -> bytes:
    """
    Return the start of an answer. One that is compressed is not read: a few bytes can stand for gigabytes.

    Raises:
        BudwoodError: The answer did not arrive in time, or broke off.
    """
    if exchange.head.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return b""
    found = bytearray()
    while len(found) < MAX_READ and (some := await exchange.read()):
        found += some
    return bytes(found[:MAX_READ])


def shorten_body(body: bytes) -> str:
    """Return the start of an answer as a text that can be stored and printed."""
    return make_printable(body[: 4 * MAX_BODY].decode("utf-8", "replace")[:MAX_BODY])


def shorten_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the first headers, shortened, without secrets of the endpoint."""
    kept = [(name, value) for name, value in headers.items() if name not in _HIDDEN][:MAX_HEADERS]
    return {make_printable(name[:MAX_NAME]): make_printable(value[:MAX_VALUE]) for name, value in kept}


def make_printable(text: str) -> str:
    """Replace the characters of a text that control a terminal or the direction of a line."""
    if text.isprintable():
        return text
    return "".join(
        [char if char.isprintable() or char in _SAFE_SPACES else "\N{REPLACEMENT CHARACTER}" for char in text]
    )


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds of the header ``retry-after``; None without a valid one."""
    if value is None:
        return None
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
