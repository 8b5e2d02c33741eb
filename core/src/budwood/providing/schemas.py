"""Convert JSON schemas into a vendor's form, once for each schema."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, TypeVar

from pydantic_core import from_json, to_json

T = TypeVar("T")

MAX_CACHED: Final = 256


def convert_once(convert: Callable[..., T]) -> Callable[[object], T]:
    """
    Make a function that converts a schema when it first sees it, and returns the same result after that.

    Schemas are the same where their JSON is; the 256 that were used last are kept. Callers must not change a result.

    Args:
        convert: Takes a schema, as a dictionary of its own.
    """

    @lru_cache(MAX_CACHED)
    def convert_json(canonical: bytes) -> T:
        return convert(from_json(canonical))

    @wraps(convert)
    def convert_schema(schema: object) -> T:
        return convert_json(to_json(schema))

    return convert_schema
