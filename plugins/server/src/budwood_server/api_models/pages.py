"""Pages of lists."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class PageOf(BaseModel, Generic[T]):
    """
    A page of a list.

    Attributes:
        items: The items.
        next_cursor: The `cursor` of the next page, or null if this is the last one.
    """

    items: list[T]
    next_cursor: str | None
