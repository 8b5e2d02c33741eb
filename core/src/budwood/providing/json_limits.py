"""
Bound what parsing a reply may cost: 20 MB of ``[],[],…`` become 480 MB of objects and take 3 s.

Replies of a size that is common are not looked at. Larger ones are, which takes a few milliseconds a megabyte.
"""

from __future__ import annotations

from typing import Final

from budwood.errors import ResponseTooLargeError

MAX_UNCHECKED_BYTES: Final = 4 * 1024 * 1024
"""The size up to which any JSON is parsed: 4 MiB, at most some 100 MB of objects."""

_MAX_CONTAINERS: Final = 2_000_000
"""Arrays and objects, of 70 to 200 bytes each. 16,000 tokens with 20 alternatives each have 700,000."""

_MAX_ITEMS: Final = 8_000_000
"""Commas and colons: items take 8 to 60 bytes each. 2,048 embeddings of 3,072 numbers have 6,300,000."""


def check_json_cost(data: bytes) -> None:
    """
    Check that JSON does not hold more values than any API returns. Brackets and commas within texts count as well.

    Raises:
        ResponseTooLargeError: It does.
    """
    if len(data) <= MAX_UNCHECKED_BYTES:
        return
    for characters, limit, what in (
        (b"[{", _MAX_CONTAINERS, "arrays and objects"),
        (b",:", _MAX_ITEMS, "values"),
    ):
        if sum(data.count(character) for character in characters) > limit:
            raise ResponseTooLargeError(f"The reply holds more than {limit:,} {what}, which are too many to parse.")
