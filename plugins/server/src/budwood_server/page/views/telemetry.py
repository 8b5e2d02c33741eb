"""``/admin/telemetry``: calls one by one, and their sums by dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from budwood.types import CallFilter
from budwood_server.access.keys import TELEMETRY, ApiKey
from budwood_server.api import telemetry
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get
from budwood_server.page.views import overview
from budwood_server.page.views.overview import find_key_names
from budwood_server.page.visits import Visit
from budwood_server.telemetry.dimensions import DIMENSIONS, read_dimensions
from budwood_server.telemetry.filters import ANY_ERROR, read_filters
from budwood_server.telemetry.ordering import Order
from budwood_server.telemetry.reading import MAX_ID, CallReader
from budwood_server.web.problems import ProblemError, reject

PATH: Final = "/admin/telemetry"
LINK: Final = Link("Telemetry", PATH, "activity", "Observe", TELEMETRY)

TEXTS: Final = ("key", "team", "model", "user", "client", "label", "provider", "vendor_model", "error")
"""The filters that are texts, by their names in the API."""

TIMES: Final = (
    ("", "All time"),
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
)
STATES: Final = (("", "All"), (ANY_ERROR, "Failed"), ("recovered", "With failed attempts"))
ORDERS: Final[dict[Order, str]] = {**overview.ORDERS, "group": "Name"}
"""What sums may be ordered by."""

_MAX_TEXT: Final = 512
_MAX_KEYS: Final = 1000


async def show_calls(visit: Visit) -> Response:
    """List calls, the newest first. A live list is asked for again every two seconds."""
    filters = _read_texts(visit)
    keys = await _name_key(visit, filters)
    error = None
    try:
        where = telemetry.select(visit.principal, _read_filter(filters))
        page = await telemetry.list_calls(where, CallReader(visit.database), visit.paging())
    except ProblemError as problem:
        if problem.problem.status != 400:
            raise
        page, error = None, problem.problem
    values = {
        "page": page,
        "error": error,
        "is_live": bool(visit.query.get("live")) and not visit.query.get("cursor"),
        "key_names": await find_key_names(visit, [call.key for call in page.items] if page else []),
        "keys": keys,
        **_describe(filters),
    }
    return visit.render("calls_table.html" if visit.is_fragment else "calls.html", values, status=400 if error else 200)


async def show_call(visit: Visit) -> Response:
    """Show what is recorded of a call."""
    text = visit.request.path_params["number"]
    number = int(text) if text.isdecimal() and len(text) < 20 else 0
    call = await telemetry.get_call(min(number, MAX_ID), visit.principal, CallReader(visit.database))
    return visit.render("call.html", {"call": call, "key_names": await find_key_names(visit, [call.key])})


async def show_totals(visit: Visit) -> Response:
    """Show sums over groups of calls."""
    filters = _read_texts(visit)
    choices = await _name_key(visit, filters)
    by = visit.query.get("by") or "model"
    order: Order = next((each for each in ORDERS if each == visit.query.get("order")), "cost")
    names = read_dimensions((by,))
    where = telemetry.select(visit.principal, _read_filter(filters))
    page = await telemetry.list_totals(where, CallReader(visit.database), visit.paging(), names, order)
    ids = [sums.group["key"] for sums in page.items] if "key" in names else []
    values = {
        "page": page,
        "by": names,
        "order": order,
        "orders": ORDERS,
        "dimensions": [*DIMENSIONS],
        "extra": {"by": by, "order": order},
        "keys": choices,
        "key_names": await find_key_names(visit, ids),
    }
    return visit.render("totals.html", values | _describe(filters))


def _read_texts(visit: Visit) -> dict[str, str]:
    """Return the filters of the address that are not empty."""
    names = (*TEXTS, "since", "until", "state", "min_seconds")
    return {name: text for name in names if (text := (visit.query.get(name) or "").strip())}


async def _name_key(visit: Visit, filters: dict[str, str]) -> Sequence[ApiKey]:
    """Return the keys that the filter offers, and replace the name of one in the filters by its id."""
    services, text = visit.worker.services, filters.get("key")
    if services is None or (visit.is_fragment and text is None):
        return ()
    keys = await services.keys.store.list(with_revoked=True)
    named = [key.id for key in keys if key.name == text]
    if len(named) == 1 and all(key.id != text for key in keys):
        filters["key"] = named[0]
    return keys[:_MAX_KEYS]


def _read_filter(filters: Mapping[str, str]) -> CallFilter:
    """
    Return what the filters select.

    Raises:
        ProblemError: 400: a value is not valid.
    """
    if any(len(text) > _MAX_TEXT for text in filters.values()):
        raise reject(f"A filter has more than {_MAX_TEXT} characters.")
    state = filters.get("state")
    texts: dict[str, Any] = {name: filters[name] for name in (*TEXTS, "since", "until") if name in filters}
    if state == ANY_ERROR:
        texts.setdefault("error", ANY_ERROR)
    return read_filters(
        **texts, min_seconds=_read_seconds(filters.get("min_seconds")), with_failures=state == "recovered"
    )


def _read_seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 1e9:
        raise reject("The shortest duration must be a number of seconds.", param="min_seconds")
    return seconds


def _describe(filters: Mapping[str, str]) -> dict[str, Any]:
    """Return what templates need of filters, also the same filters for the API."""
    query = {name: text for name, text in filters.items() if name != "state"}
    if filters.get("state") == ANY_ERROR:
        query.setdefault("error", ANY_ERROR)
    elif filters.get("state") == "recovered":
        query["with_failures"] = "true"
    return {"filters": filters, "times": TIMES, "states": STATES, "api_query": urlencode(query)}


ROUTES: Final = [
    get(PATH, show_calls, TELEMETRY),
    get(f"{PATH}/totals", show_totals, TELEMETRY),
    get(f"{PATH}/calls/{{number}}", show_call, TELEMETRY),
]
