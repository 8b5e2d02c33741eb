"""``/api/telemetry``: the records of calls."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from budwood.types import CallFilter
from budwood_server.access.keys import TELEMETRY
from budwood_server.api.access import get_database, require
from budwood_server.api.errors import list_responses
from budwood_server.api.following import stream_events
from budwood_server.api.paging import Page, PageQuery
from budwood_server.people.principals import Principal
from budwood_server.telemetry.csv_export import write_rows
from budwood_server.telemetry.dimensions import read_dimensions
from budwood_server.telemetry.filters import read_filters, restrict
from budwood_server.telemetry.following import NewCallEvents
from budwood_server.telemetry.forms import (
    CALL_COLUMNS,
    SUM_COLUMNS,
    Call,
    Sums,
    SumsPage,
    add_up,
    to_call,
    to_call_row,
    to_sum_row,
    to_sums,
)
from budwood_server.telemetry.ordering import Order, sort_groups
from budwood_server.telemetry.reading import MAX_ID, CallReader, find_place
from budwood_server.telemetry.series import Series, make_series, read_history
from budwood_server.telemetry.timeline import Period, find_timeline, fit_timeline
from budwood_server.web.event_streams import MEDIA_TYPE as EVENTS
from budwood_server.web.event_streams import EventStreams
from budwood_server.web.problems import Problem, ProblemError
from budwood_usage.database import Place

router = APIRouter(prefix="/api/telemetry", tags=["telemetry"])

_CSV: Final = "text/csv"
_ERRORS: Final = list_responses(400, 401, 403, 503)
_NO_STORE: Final = {"cache-control": "no-store"}

_STREAMS: Final = EventStreams("calls", "GET /api/telemetry/calls")

_find_reader = require(TELEMETRY)
Reader = Annotated[Principal, Depends(_find_reader)]
After = Annotated[int | None, Query(ge=0, le=MAX_ID, description="The id after which it begins; by default the last.")]
Last = Annotated[int | None, Header(alias="last-event-id", ge=0, le=MAX_ID)]
By = Annotated[
    Sequence[str],
    Query(max_length=20, description="Dimensions, such as team,model; several, or repeated. Without any, one group."),
]
OrderQuery = Annotated[Order, Query(description="The highest first (latency: the average duration), or by name.")]
PeriodQuery = Annotated[Period, Query(description="The time that ends now, or at until. since takes precedence.")]
OneDimension = Annotated[str | None, Query(max_length=80, description="A dimension, such as model.")]
Top = Annotated[int, Query(ge=1, le=20, description="The number of groups that have series of their own.")]


def select(reader: Reader, where: Annotated[CallFilter, Depends(read_filters)]) -> CallFilter:
    """Return the filter of a request, which selects only calls that its sender may see."""
    return restrict(where, reader)


def open_reader(request: Request) -> CallReader:
    """
    Return the records.

    Raises:
        ProblemError: 503: the server has no database.
    """
    return CallReader(get_database(request))


Where = Annotated[CallFilter, Depends(select)]
Records = Annotated[CallReader, Depends(open_reader)]


@router.get("/calls", responses=_ERRORS)
async def list_calls(where: Where, records: Records, paging: PageQuery) -> Page[Call]:
    """List calls, the newest first."""
    after = paging.after(float, int)
    found = await records.list(where, before=None if after is None else Place(*after), limit=paging.fetch)
    return Page[Call].of(found, paging, to_call, find_place)


@router.get("/calls/{number}", responses=_ERRORS | list_responses(404))
async def get_call(number: Annotated[int, Path(ge=1, le=MAX_ID)], reader: Reader, records: Records) -> Call:
    """Return a call by the id of its record."""
    found = await records.find(number, restrict(CallFilter(), reader))
    if found is None:
        raise ProblemError(Problem(status=404, message=f"No such call: {number}.", code="not_found"))
    return to_call(found)


@router.get("/calls.csv", response_class=Response, responses=_ERRORS | {200: {"content": {_CSV: {}}}})
async def export_calls(where: Where, records: Records) -> Response:
    """Return all calls as CSV, the newest first. Texts that look like formulas begin with an apostrophe."""
    portions = records.iterate(where)
    first = await anext(portions)  # an error of the database has a status of its own until then

    async def write() -> AsyncIterator[str]:
        yield write_rows([CALL_COLUMNS, *map(to_call_row, first)])
        async for portion in portions:
            yield write_rows(map(to_call_row, portion))

    return StreamingResponse(write(), media_type=_CSV, headers=_name_file("calls"))


@router.get("/totals", responses=_ERRORS)
async def list_totals(
    where: Where, records: Records, paging: PageQuery, by: By = (), order: OrderQuery = "cost"
) -> SumsPage:
    """Return sums over groups of calls: by key, team, model, user, day and so on."""
    (start,), names = paging.after(int) or (0,), read_dimensions(by)
    groups = sort_groups(await records.sum(names, where), order)
    rows = [*enumerate(groups, 1)][max(start, 0) :][: paging.fetch]
    page = Page[Sums].of(rows, paging, lambda row: to_sums(row[1], names), lambda row: row[:1])
    return SumsPage(items=page.items, next_cursor=page.next_cursor, total=add_up(groups))


@router.get("/totals.csv", response_class=Response, responses=_ERRORS | {200: {"content": {_CSV: {}}}})
async def export_totals(where: Where, records: Records, by: By = (), order: OrderQuery = "cost") -> Response:
    """Return the sums over all groups as CSV."""
    names = read_dimensions(by)
    rows = map(to_sum_row, sort_groups(await records.sum(names, where), order))
    text = write_rows([(*names, *SUM_COLUMNS), *rows])
    return Response(text, media_type=_CSV, headers=_name_file("totals"))


@router.get("/series", responses=_ERRORS)
async def read_calls_over_time(
    where: Where, records: Records, period: PeriodQuery = "day", by: OneDimension = None, top: Top = 5
) -> Series:
    """
    Return calls, costs, durations and errors over time, in at most 60 intervals.

    The intervals are those of the period, or of the time between ``since`` and ``until``. With a dimension, the groups
    with the highest cost have series of their own.
    """
    now = time.time()
    if where.since is None:
        timeline = find_timeline(period, now if where.until is None else where.until)
    else:
        timeline = fit_timeline(where.since, now if where.until is None else where.until)
    names = read_dimensions(() if by is None else (by,))
    history = await read_history(records, where, timeline, names)
    if not names:
        return make_series(history)
    largest = sort_groups(history.sum_groups(names[0]), "cost")
    values = [value for totals in largest if (value := totals.group[0]) is not None]
    return make_series(history, names[0], values[:top])


@router.get(
    "/follow",
    response_class=StreamingResponse,
    responses=_ERRORS | list_responses(429) | {200: {"content": {EVENTS: {}}, "description": "Events."}},
)
async def follow_calls(
    request: Request, where: Where, records: Records, after: After = None, last: Last = None
) -> Response:
    """
    Send each new call as an event ``call``, whose data is that of a list and whose id is that of the record.

    A stream that is connected again with the header ``last-event-id``, as browsers do, misses no call.
    """
    _STREAMS.check()
    start = after if last is None else last
    if start is None:
        start = await records.find_last_id()
    return stream_events(request, _STREAMS, NewCallEvents(records, where, start).look, _find_reader)


def _name_file(name: str) -> dict[str, str]:
    return _NO_STORE | {"content-disposition": f'attachment; filename="budwood-{name}.csv"'}
