"""The rows of the store: what is kept of one call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, NamedTuple, overload

from pydantic_core import to_json

from budwood.contracts.tags import MAX_TAG_VALUE
from budwood.errors import StreamInterruptedError
from budwood.providing.money import PICO, from_pico, to_pico
from budwood.types import Attempt, CallRecord, RecordedFailure, RequestFinished, UsageTotals

CALLS: Final = "budwood_calls"
"""The table of records."""

DROPPED: Final = "budwood_dropped"
"""The table with the number of calls that were not recorded."""

TOKENS: Final = (
    "input_tokens",
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)
"""The counts of tokens, as in `Usage`."""

COLUMNS: Final = (
    "time",
    "call",
    "service",
    "provider",
    "model",
    "endpoint",
    "label",
    "tags",
    "key",
    *TOKENS,
    "cost",
    "cost_unknown",
    "saved",
    "seconds",
    "first_token",
    "attempts",
    "cached",
    "status",
    "error",
    "failures",
)
"""The columns of a row, which are the fields of `CallRecord` but its id."""

_MAX_TEXT: Final = 200
"""The maximum length of a stored text, such as a label."""

_MAX_FAILURES: Final = 20
"""The maximum number of failures that are stored of a call: the last ones."""

_UNKNOWN: Final[list[int | None]] = [None] * len(TOKENS)
_values_of: Final = attrgetter(*TOKENS)

_MAX_TOKENS: Final = 10**12
"""The highest number of tokens that a server may report; a higher one is not known."""

MAX_INTEGER: Final = 2**63 - 1
"""The highest integer that a store accepts."""


Collected = tuple[Any, ...]
"""
The fields of `Ended`, as plain tuples of texts and numbers.

The garbage collector does not look at those, although thousands wait to be written.
"""


class Ended(NamedTuple):
    """What the calling thread collects of a call that has ended; the writer makes a row of it."""

    time: float
    call: str
    service: str
    provider: str
    model: str
    label: str | None
    tags: tuple[tuple[str, str], ...] | None
    seconds: float
    first_token: float | None
    error: str | None
    attempts: tuple[Collected, ...]


class _Sent(NamedTuple):
    """What is collected of an attempt."""

    endpoint: str | None
    key: str | None
    status: int | None
    cost: Decimal | None
    cost_unknown: str | None
    saved: Decimal | None
    cached: bool
    skipped: bool
    error: str | None
    tokens: tuple[int | None, ...] | None


def collect(event: RequestFinished, time: float, first_token: float | None) -> Collected:
    """Collect what is kept of a call, without its prompt and its reply."""
    error = event.error
    return (
        time,
        event.call,
        event.service,
        event.provider,
        event.model,
        event.label,
        tuple(event.tags.items()) if event.tags else None,
        event.seconds,
        first_token,
        type(error).__name__ if error is not None else None,
        tuple([_collect_attempt(attempt) for attempt in event.attempts]),
    )


def _collect_attempt(attempt: Attempt) -> Collected:
    usage = attempt.usage
    return (
        attempt.endpoint,
        attempt.key,
        attempt.status,
        attempt.cost,
        attempt.cost_unknown,
        attempt.saved,
        attempt.cached,
        attempt.skipped is not None,
        None if attempt.hedge else attempt.error,  # one that lost against another has not failed
        _values_of(usage) if usage is not None else None,
    )


def make_row(collected: Collected) -> tuple[Any, ...]:
    """
    Return the row of a call. Its tokens and its cost are the sums over the requests that were sent.

    Raises:
        ArithmeticError, ValueError: A number is not valid.
    """
    ended = Ended(*collected)
    attempts = [_Sent(*attempt) for attempt in ended.attempts]
    sent = [attempt for attempt in attempts if not attempt.cached and not attempt.skipped]
    last = attempts[-1] if attempts else None
    return (
        ended.time,
        to_stored_text(ended.call),
        to_stored_text(ended.service),
        to_stored_text(ended.provider),
        to_stored_text(ended.model),
        to_stored_text(last.endpoint) if last is not None else None,
        to_stored_text(ended.label),
        _tags(ended.tags),
        to_stored_text(last.key) if last is not None else None,
        *_tokens(sent),
        *_cost(sent),
        _saved(attempts),
        ended.seconds,
        ended.first_token,
        len(sent),
        int(not sent and any(attempt.cached for attempt in attempts)),
        last.status if last is not None else None,
        to_stored_text(ended.error),
        _failures(ended.error, attempts),
    )


def make_rows(batch: Iterable[Collected]) -> tuple[list[tuple[Any, ...]], int]:
    """Return the rows of calls, and how many calls no store could accept, such as one whose cost is no number."""
    rows, invalid = [], 0
    for ended in batch:
        try:
            rows.append(make_row(ended))
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            invalid += 1
    return rows, invalid


def read_row(number: int, row: Sequence[Any]) -> CallRecord:
    """Return the record of a row."""
    fields = dict(zip(COLUMNS, row, strict=True))
    saved = fields["saved"]
    fields |= {
        "cost": from_pico(fields["cost"]),
        "saved": None if saved is None else from_pico(saved),
        "cached": bool(fields["cached"]),
        "tags": json.loads(fields["tags"] or "{}"),
        "failures": tuple(RecordedFailure(**failure) for failure in json.loads(fields["failures"] or "[]")),
    }
    return CallRecord(id=number, **fields)


def read_totals(rows: Iterable[Sequence[Any]], groups: int) -> list[UsageTotals]:
    """Return the sums in the rows of `budwood_usage.queries.select_totals`, of which one may have no call, in order."""
    totals = [each for row in rows if (each := read_sums(row, groups)).calls]
    return sorted(totals, key=lambda each: [(name is not None, name or "") for name in each.group])


def read_sums(row: Sequence[Any], groups: int) -> UsageTotals:
    """Return the sums of a row of `budwood_usage.queries.SUMS` that follow the values of its group."""
    calls, errors, cached, attempts, inputs, outputs, dollars, rest, unknown, saved, saved_rest, seconds = row[groups:]
    return UsageTotals(
        group=tuple(row[:groups]),
        calls=int(calls),
        errors=int(errors),
        cached=int(cached),
        attempts=int(attempts),
        input_tokens=int(inputs),
        output_tokens=int(outputs),
        cost=from_pico(int(dollars) * 10**PICO + int(rest)),
        unknown_costs=int(unknown),
        saved=from_pico(int(saved) * 10**PICO + int(saved_rest)),
        seconds=float(seconds),
    )


def _tags(tags: tuple[tuple[str, str], ...] | None) -> str | None:
    """Return tags as JSON; None if there are none."""
    if not tags:
        return None
    return to_json({to_stored_text(name): to_stored_text(value, MAX_TAG_VALUE) for name, value in tags}).decode()


def _tokens(sent: Sequence[_Sent]) -> list[int | None]:
    """Return the sums of the counts of tokens as far as they are known; None if one is not known at all."""
    if not sent:
        return [0] * len(TOKENS)
    known = [attempt.tokens for attempt in sent if attempt.tokens is not None]
    if len(known) == 1:  # the usual case
        return [count if count is not None and 0 <= count <= _MAX_TOKENS else None for count in known[0]]
    return [_sum([count for count in counts if count is not None]) for counts in zip(*known, strict=True)] or _UNKNOWN


def _sum(counts: Sequence[int]) -> int | None:
    total = sum(counts)
    return total if counts and 0 <= total <= _MAX_TOKENS else None


def _cost(sent: Sequence[_Sent]) -> tuple[int, str | None]:
    """Return the cost as far as it is known, and why it is not complete."""
    costs = [attempt.cost for attempt in sent if attempt.cost is not None]
    known = to_pico(sum(costs, Decimal(0))) if costs else 0
    if abs(known) > MAX_INTEGER:
        return 0, "too large"
    unknown = (attempt for attempt in sent if attempt.cost is None and not _is_rejected(attempt))
    return known, next((to_stored_text(attempt.cost_unknown) or "unknown" for attempt in unknown), None)


def _is_rejected(attempt: _Sent) -> bool:
    """
    Tell whether the vendor rejected an attempt with an error status, which costs nothing.

    A stream that has started is charged, whatever the status of the error inside it. This is as for `reply.cost`.
    """
    return attempt.status is not None and attempt.status >= 400 and attempt.error != StreamInterruptedError.__name__


def _saved(attempts: Sequence[_Sent]) -> int | None:
    """Return what the cache has saved; None if it has not answered, or if that is not known."""
    saved = [attempt.saved for attempt in attempts if attempt.cached]
    if not saved or None in saved:
        return None
    total = to_pico(sum((each for each in saved if each is not None), Decimal(0)))
    return total if abs(total) <= MAX_INTEGER else None


def _failures(error: str | None, attempts: Sequence[_Sent]) -> str | None:
    """Return the last failures with each endpoint and key, as JSON; None if there are none."""
    failures: dict[tuple[str | None, str | None], str] = {}
    for attempt in attempts:
        if attempt.error is not None and not attempt.skipped:
            failures.pop((attempt.endpoint, attempt.key), None)
            failures[attempt.endpoint, attempt.key] = attempt.error
    if error is not None and attempts and error not in failures.values():
        failures[attempts[-1].endpoint, attempts[-1].key] = error
    rows = [
        {"endpoint": to_stored_text(endpoint), "key": to_stored_text(key), "error": to_stored_text(name)}
        for (endpoint, key), name in list(failures.items())[-_MAX_FAILURES:]
    ]
    return json.dumps(rows) if rows else None


@overload
def to_stored_text(value: str, length: int = ...) -> str: ...
@overload
def to_stored_text(value: None, length: int = ...) -> None: ...
def to_stored_text(value: str | None, length: int = _MAX_TEXT) -> str | None:
    """Return a text that any store accepts: of limited length, without lone surrogates and null characters."""
    if value is None or (value.isascii() and len(value) <= length and "\x00" not in value):  # the usual case
        return value
    return value[:length].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
