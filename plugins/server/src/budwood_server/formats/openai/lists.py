"""Lists as OpenAI documents them: pages with a cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from budwood_server.access.ownership import MAX_PAGE
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.access.ownership import OwnedObject, Ownership, Page


class PageQuery(NamedTuple):
    """
    What a page contains.

    Attributes:
        after: The public id of the object after which it begins, or None.
        limit: The most objects.
        oldest_first: The order.
    """

    after: str | None
    limit: int
    oldest_first: bool


def parse_page(query: Mapping[str, str], *, default: int, maximum: int) -> PageQuery:
    """
    Return the page that a request asks for.

    Raises:
        ProblemError: ``limit`` or ``order`` is not valid.
    """
    text, order = query.get("limit", str(default)), query.get("order", "desc")
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= maximum):
        raise reject(f"limit must be a number from 1 to {maximum:,}.", param="limit")
    if order not in ("asc", "desc"):
        raise reject("order must be 'asc' or 'desc'.", param="order")
    return PageQuery(query.get("after") or None, int(text), order == "asc")


async def collect_page(
    ownership: Ownership, kind: str, owner: str, page: PageQuery, matches: Callable[[OwnedObject], bool]
) -> tuple[list[OwnedObject], bool]:
    """Return the objects of a page, and whether more follow."""
    found: list[OwnedObject] = []
    after = page.after
    while True:
        part: Page = await ownership.list(
            kind, owner, after=after, limit=min(page.limit + 1, MAX_PAGE), oldest_first=page.oldest_first
        )
        found += [each for each in part.objects if matches(each)]
        if len(found) > page.limit or not part.has_more:
            return found[: page.limit], len(found) > page.limit
        after = part.objects[-1].public_id


def encode_list(rows: Sequence[Mapping[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """Return a list in its public form."""
    first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
    return {"object": "list", "data": list(rows), "first_id": first, "last_id": last, "has_more": has_more}
