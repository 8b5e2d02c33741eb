"""Convert JSON schemas to a vendor's form, with a cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, TypeVar

from pydantic_core import from_json, to_json

T = TypeVar("T")

MAX_CACHED: Final = 256


def convert_once(convert: Callable[..., T]) -> Callable[[object], T]:
    """
    Decorate a function that converts a schema so that it converts each schema once.

    Schemas with the same JSON share a result, which callers must not change. The 256 most recently used are cached.

    Args:
        convert: The function. It gets a copy of the schema.
    """

    @lru_cache(MAX_CACHED)
    def convert_json(canonical: bytes) -> T:
        return convert(from_json(canonical))

    @wraps(convert)
    def convert_schema(schema: object) -> T:
        return convert_json(to_json(schema))

    return convert_schema
