"""Records and sums of calls in the form of the API, and as rows of CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Final

from pydantic import BaseModel, PlainSerializer
from pydantic_core import to_json

from budwood.types import CallRecord, UsageTotals
from budwood_server.api_models.moments import Moment, format_moment, from_seconds
from budwood_server.api_models.pages import PageOf
from budwood_server.telemetry.dimensions import TAGS
from budwood_usage.database import NO_CALLS


def format_amount(amount: Decimal) -> str:
    """Return an amount without an exponent, and without zeros at the end of its decimals."""
    return format(amount.normalize(), "f") if amount else "0"


Dollars = Annotated[Decimal, PlainSerializer(format_amount, return_type=str)]
"""US dollars, as text: a float would change the last digits."""


class Failure(BaseModel):
    """
    The last failure of a call with an endpoint and a key.

    Attributes:
        endpoint: The endpoint of the provider.
        vendor_key: The label of the vendor's key, or null.
        error: The class of the error.
    """

    endpoint: str | None
    vendor_key: str | None
    error: str


class Call(BaseModel):
    """
    What is recorded of a call: neither its prompt nor its reply.

    Attributes:
        id: Identifies the record. Later records have higher ids.
        time: When the call ended, in UTC.
        call: The id of the call, as in logs and traces.
        service: What it asked for: ``"chat"``, ``"embeddings"`` and so on.
        key: The id of the API key; ``team`` is its team, or null.
        model: The name of the model as it was requested.
        user: The user that the request named, or null.
        client: The program that sent it, as ``NAME/VERSION``, or null.
        prompt: The version of the prompt that the request named, as ``name@number``, or null.
        label: The label: the name of the key, unless the request set another one.
        tags: Further tags.
        provider: The provider that answered, or the last one that was asked; ``vendor_model`` is its model.
        endpoint: Its endpoint, or null if nothing was sent; ``vendor_key`` is the label of its key.
        input_tokens: Tokens; null if they are not known, as all numbers of tokens.
        uncached_input_tokens: Those of them that were not in the vendor's cache.
        cache_read_tokens: Those that were.
        cache_write_tokens: Those that were written to it.
        output_tokens: Tokens of the reply, with ``reasoning_tokens``.
        reasoning_tokens: Tokens of reasoning.
        cost: The cost in US dollars, as far as it is known.
        cost_unknown: Why it is not complete, or null.
        saved: What the cache of replies has saved, in US dollars, or null.
        seconds: How long it took.
        first_token: Seconds to the first content of a stream, or null.
        attempts: The number of requests to providers.
        cached: Whether the reply came from the cache of replies.
        status: The HTTP status of the last attempt, or null.
        error: The class of the error, or null after success.
        failures: The endpoints and keys with which it failed, also if it succeeded with another one.
    """

    id: int
    time: Moment
    call: str
    service: str
    key: str | None
    team: str | None
    model: str | None
    user: str | None
    client: str | None
    prompt: str | None
    label: str | None
    tags: dict[str, str]
    provider: str
    vendor_model: str
    endpoint: str | None
    vendor_key: str | None
    input_tokens: int | None
    uncached_input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost: Dollars
    cost_unknown: str | None
    saved: Dollars | None
    seconds: float
    first_token: float | None
    attempts: int
    cached: bool
    status: int | None
    error: str | None
    failures: list[Failure]


class Sums(BaseModel):
    """
    The sums over a group of calls.

    Attributes:
        group: What they have in common, by dimension; null for calls without it. Empty for all calls.
        calls: The number of calls; ``errors`` are those that failed, ``cached`` those that the cache answered.
        attempts: The number of requests to providers.
        input_tokens: Tokens, as far as they are known; ``output_tokens`` as well.
        cost: The cost in US dollars, as far as it is known.
        unknown_costs: The number of calls whose cost is not complete.
        saved: What the cache of replies has saved, in US dollars.
        seconds: The sum of the durations.
    """

    group: dict[str, str | None]
    calls: int
    errors: int
    cached: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cost: Dollars
    unknown_costs: int
    saved: Dollars
    seconds: float


class SumsPage(PageOf[Sums]):
    """
    A page of groups of calls.

    Attributes:
        total: The sums over all groups, also those of other pages.
    """

    total: Sums


CALL_COLUMNS: Final = tuple(name for name in Call.model_fields if name != "failures")
SUM_COLUMNS: Final = tuple(name for name in Sums.model_fields if name != "group")

_values_of: Final = attrgetter(*SUM_COLUMNS)


def to_call(record: CallRecord) -> Call:
    """Return a record in the form of the API."""
    fields: dict[str, Any] = {name: getattr(record, name) for name in Call.model_fields if hasattr(record, name)}
    tags = dict(record.tags)
    fields |= {name: tags.pop(name, None) for name in TAGS}
    fields |= {"time": from_seconds(record.time), "tags": tags}
    fields |= {"vendor_model": record.model, "vendor_key": record.key}
    failures = [Failure(endpoint=each.endpoint, vendor_key=each.key, error=each.error) for each in record.failures]
    return Call.model_construct(**fields | {"failures": failures})


def to_sums(totals: UsageTotals, by: Sequence[str]) -> Sums:
    """Return sums in the form of the API."""
    group: Mapping[str, str | None] = dict(zip(by, totals.group, strict=True))
    return Sums(group=dict(group), **{name: getattr(totals, name) for name in SUM_COLUMNS})


def add_totals(parts: Iterable[UsageTotals], group: tuple[str | None, ...] = ()) -> UsageTotals:
    """Return the sums over parts of a group."""
    sums: Iterable[Any] = map(sum, zip(*map(_values_of, (NO_CALLS, *parts)), strict=True))
    return UsageTotals(group=group, **dict(zip(SUM_COLUMNS, sums, strict=True)))


def add_up(groups: Iterable[UsageTotals]) -> Sums:
    """Return the sums over all groups."""
    return to_sums(add_totals(groups), ())


def to_call_row(record: CallRecord) -> list[object]:
    """Return a record as a row of CSV, with `CALL_COLUMNS`. A cost of which nothing is known is empty."""
    call = to_call(record)
    fields = {name: getattr(call, name) for name in CALL_COLUMNS}
    texts = {"time": format_moment(call.time), "tags": to_json(call.tags).decode()}
    return list((fields | texts | {"cost": _known(call.cost, call.cost_unknown)}).values())


def to_sum_row(totals: UsageTotals) -> list[object]:
    """Return sums as a row of CSV, with the dimensions and `SUM_COLUMNS`. A cost of which nothing is known is empty."""
    fields = {name: getattr(totals, name) for name in SUM_COLUMNS}
    return [*totals.group, *(fields | {"cost": _known(totals.cost, totals.unknown_costs)}).values()]


def _known(cost: Decimal, unknown: str | int | None) -> Decimal | None:
    """Return a cost as far as it is known, or None: zero would say that the calls were free."""
    return None if unknown and not cost else cost
