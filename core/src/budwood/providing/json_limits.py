"""
Limit the cost of parsing a reply: 20 MB of ``[],[],…`` become 480 MB of objects and take 3 s.

Replies of common sizes are not checked. For larger ones the check takes a few milliseconds per megabyte.
"""

from __future__ import annotations

from typing import Final

from budwood.errors import ResponseTooLargeError

MAX_UNCHECKED_BYTES: Final = 4 * 1024 * 1024
"""The size up to which JSON is not checked: 4 MiB, at most about 100 MB of objects."""

_MAX_CONTAINERS: Final = 2_000_000
"""Arrays and objects, of 70 to 200 bytes each. 16,000 tokens with 20 alternatives each have 700,000."""

_MAX_ITEMS: Final = 8_000_000
"""Commas and colons: items take 8 to 60 bytes each. 2,048 embeddings of 3,072 numbers have 6,300,000."""


def check_json_cost(data: bytes) -> None:
    """
    Check that JSON has no more values than APIs return. Brackets and commas within texts count as well.

    Raises:
        ResponseTooLargeError: The JSON has too many values.
    """
    if len(data) <= MAX_UNCHECKED_BYTES:
        return
    for characters, limit, what in (
        (b"[{", _MAX_CONTAINERS, "arrays and objects"),
        (b",:", _MAX_ITEMS, "values"),
    ):
        if sum(data.count(character) for character in characters) > limit:
            raise ResponseTooLargeError(f"The reply has more than {limit:,} {what}, which is too many to parse.")
