"""Lists in pages, each with a cursor for the next one."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Query

from budwood_server.api_models.pages import PageOf
from budwood_server.web.problems import ProblemError, reject

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

_MAX_INTEGER: Final = 2**63 - 1
"""The largest integer of the databases."""


@dataclass(frozen=True, slots=True)
class Paging:
    """
    What page of a list a request wants.

    Attributes:
        cursor: Where it begins, from the page before; None for the first page.
        limit: The maximum number of items.
    """

    cursor: str | None
    limit: int

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than the page has, to know whether there is another page."""
        return self.limit + 1

    def after(self, *types: type) -> tuple[Any, ...] | None:
        """
        Return the position after which the page begins, as `Page.of` stored it; None for the first page.

        Args:
            types: The types of its values: int, float or str.

        Raises:
            ProblemError: 400: the cursor is not one of this list.
        """
        if self.cursor is None:
            return None
        try:
            values = json.loads(urlsafe_b64decode(self.cursor.encode("ascii") + b"=="))
        except ValueError:
            raise _reject_cursor() from None
        if not isinstance(values, list) or len(values) != len(types):
            raise _reject_cursor()
        if not all(map(_is_valid, values, types)):
            raise _reject_cursor()
        return tuple(values)


def _read_paging(
    cursor: Annotated[
        str | None, Query(max_length=1024, description="The `next_cursor` of the page before; none for the first page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of items.")] = DEFAULT_LIMIT,
) -> Paging:
    return Paging(cursor, limit)


PageQuery = Annotated[Paging, Depends(_read_paging)]
"""The type of a parameter of a route that returns a page."""


class Page(PageOf[T], Generic[T]):
    """
    A page of a list.

    Attributes:
        items: The items.
        next_cursor: The `cursor` of the next page, or null if this is the last one.
    """

    @classmethod
    def of(
        cls, rows: Sequence[R], paging: Paging, convert: Callable[[R], T], position: Callable[[R], Sequence[object]]
    ) -> Page[T]:
        """
        Return a page.

        Args:
            rows: The rows in their order, at most `Paging.fetch`.
            paging: What the request wants.
            convert: Returns the item of a row.
            position: Returns the values by which rows are ordered, which identify a row.
        """
        shown = rows[: paging.limit]
        cursor = _encode(position(shown[-1])) if len(rows) > len(shown) else None
        return cls(items=[convert(row) for row in shown], next_cursor=cursor)


def _encode(values: Sequence[object]) -> str:
    return urlsafe_b64encode(json.dumps([*values]).encode()).rstrip(b"=").decode()


def _is_valid(value: object, expected: type) -> bool:
    """Tell whether a database accepts a value of a cursor, which clients can make up."""
    if isinstance(value, bool):
        return False
    if expected is float:
        return isinstance(value, int | float) and abs(value) <= _MAX_INTEGER and math.isfinite(value)
    if isinstance(value, str):
        return expected is str and "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
    return expected is int and isinstance(value, int) and abs(value) <= _MAX_INTEGER


def _reject_cursor() -> ProblemError:
    return reject(
        "The cursor is not one of this list.",
        param="cursor",
        code="invalid_cursor",
        hint="Send the next_cursor of the page before, or none for the first page.",
    )
