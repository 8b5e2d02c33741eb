"""The statements that read records. SQLite and PostgreSQL understand them, but for the expressions of a `Dialect`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from budwood.contracts.tags import MAX_TAG_VALUE, is_tag_name
from budwood.contracts.usage import GROUPS, TAG_GROUP
from budwood.providing.money import PICO
from budwood.types import CallFilter
from budwood_usage.rows import CALLS, COLUMNS, DROPPED, MAX_INTEGER, to_stored_text


class Dialect(NamedTuple):
    """
    What SQLite and PostgreSQL write differently.

    Attributes:
        hour: The expression for the hour of a call.
        day: That for its day.
        tag: That for the value of a tag, with ``NAME`` in place of its name.
    """

    hour: str
    day: str
    tag: str


SQLITE: Final = Dialect(
    hour="strftime('%Y-%m-%dT%H', time, 'unixepoch')",
    day="strftime('%Y-%m-%d', time, 'unixepoch')",
    tag="""json_extract(tags, '$."NAME"')""",
)
POSTGRESQL: Final = Dialect(
    hour="""to_char(to_timestamp(time) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24')""",
    day="to_char(to_timestamp(time) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    tag="tags ->> 'NAME'",
)

SELECT_LAST: Final = f"SELECT coalesce(max(id), 0) FROM {CALLS}"  # noqa: S608 - constant
SELECT_DROPPED: Final = f"SELECT calls FROM {DROPPED}"  # noqa: S608 - constant
_DOLLAR: Final = 10**PICO
SUM_COLUMNS: Final = (
    "count(*)",
    "count(error)",
    "coalesce(sum(cached), 0)",
    "coalesce(sum(attempts), 0)",
    "coalesce(sum(input_tokens), 0)",
    "coalesce(sum(output_tokens), 0)",
    f"coalesce(sum(cost / {_DOLLAR}), 0)",
    f"coalesce(sum(cost % {_DOLLAR}), 0)",
    "count(cost_unknown)",
    f"coalesce(sum(saved / {_DOLLAR}), 0)",
    f"coalesce(sum(saved % {_DOLLAR}), 0)",
    "coalesce(sum(seconds), 0.0)",
)
"""The sums over a group. Costs are added in two parts, so that no sum exceeds 64 bits."""

SUMS: Final = ", ".join(SUM_COLUMNS)


class Place(NamedTuple):
    """
    The place of a record in a list, the newest first.

    Attributes:
        time: When the call ended, in seconds since 1970.
        id: The number of the record.
    """

    time: float
    id: int


def select_totals(
    by: Sequence[str], where: CallFilter, dialect: Dialect, limit: int | None = None
) -> tuple[str, list[Any]]:
    """
    Return the statement for `UsageStore.totals`, and its arguments.

    Args:
        by: What calls are grouped by.
        where: Selects the calls.
        dialect: The dialect of the database.
        limit: The maximum number of groups, or None.

    Raises:
        ValueError: Calls cannot be grouped by one of the names.
    """
    groups = [find_group(name, dialect) for name in by]
    condition, arguments = find_condition(where, dialect)
    numbers = ", ".join(str(number) for number in range(1, len(by) + 1))
    end = f"GROUP BY {numbers}" if by else ""
    if limit is not None:
        end += " LIMIT ?"
        arguments.append(limit)
    return f"SELECT {', '.join([*groups, SUMS])} FROM {CALLS} WHERE {condition} {end}", arguments  # noqa: S608 - constants


def select_calls(
    where: CallFilter, after: int | None, limit: int, dialect: Dialect, before: Place | None = None
) -> tuple[str, list[Any]]:
    """Return the statement for `UsageStore.calls`, and its arguments; ``before`` selects older records than a place."""
    condition, arguments = find_condition(where, dialect)
    order = "time DESC, id DESC"
    if before is not None:
        condition = f"{condition} AND (time, id) < (?, ?)"
        arguments += before
    if after is not None:
        condition, order = f"{condition} AND id > ?", "id"
        arguments.append(after)
    arguments.append(min(limit, MAX_INTEGER))
    columns = ", ".join("CAST(tags AS TEXT)" if name == "tags" else name for name in ("id", *COLUMNS))
    return f"SELECT {columns} FROM {CALLS} WHERE {condition} ORDER BY {order} LIMIT ?", arguments  # noqa: S608 - constants


def find_group(name: str, dialect: Dialect) -> str:
    """
    Return the expression of a group.

    Raises:
        ValueError: There is none.
    """
    if name in ("hour", "day"):
        return dialect.hour if name == "hour" else dialect.day
    if name.startswith(TAG_GROUP):
        return _tag(name.removeprefix(TAG_GROUP), dialect)
    if name not in GROUPS:
        raise ValueError(f"Calls cannot be grouped by {name!r}, only by {', '.join(GROUPS)} or {TAG_GROUP}NAME.")
    return name


def _tag(name: str, dialect: Dialect) -> str:
    if not is_tag_name(name):  # so it needs no escapes
        raise ValueError(f"{name!r} cannot be the name of a tag.")
    return dialect.tag.replace("NAME", name)


def find_condition(where: CallFilter, dialect: Dialect) -> tuple[str, list[Any]]:
    """Return the condition of a filter, and its arguments."""
    conditions: list[str] = ["1 = 1"]
    arguments: list[Any] = []
    for expression, value in (
        ("time >= ?", where.since),
        ("time < ?", where.until),
        ("provider = ?", where.provider),
        ("? IN (model, provider || '/' || model)", where.model),
        ("label = ?", where.label),
        ("key = ?", where.key),
        ("error = ?", None if where.error == "*" else where.error),
        ("seconds >= ?", where.slower_than),
    ):
        if value is not None:
            conditions.append(expression)
            arguments.append(to_stored_text(value) if isinstance(value, str) else value)
    for name, value in where.tags.items():
        conditions.append(f"{_tag(name, dialect)} = ?")
        arguments.append(to_stored_text(value, MAX_TAG_VALUE))
    if where.error == "*":
        conditions.append("error IS NOT NULL")
    if where.has_failures:
        conditions.append("failures IS NOT NULL")
    return " AND ".join(conditions), arguments
