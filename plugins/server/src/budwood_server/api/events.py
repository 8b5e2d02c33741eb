"""``/api/events``: the types of events with their schemas, and the events that are kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse

from budwood_server.access.keys import Name
from budwood_server.api.access import get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api.paging import DEFAULT_LIMIT, MAX_LIMIT, Page
from budwood_server.api_models.events import EventReply, EventTypeReply, EventTypesReply, Order
from budwood_server.events.envelope import SCHEMA_PATH, describe_event
from budwood_server.events.event_types import EVENT_TYPES, find_visible, select_types
from budwood_server.events.listing import EventQuery
from budwood_server.events.listing import list_events as read_list
from budwood_server.events.reading import Event, parse_id, read_events
from budwood_server.events.schemas import describe_data
from budwood_server.people.principals import Principal, sees_all
from budwood_server.people.roles import EVENTS_READ
from budwood_server.telemetry.filters import Moment, read_moment
from budwood_server.web.problems import reject

router = APIRouter(prefix="/api/events", tags=["events"])

TypesQuery = Annotated[
    list[str] | None,
    Query(alias="type", max_length=50, description="Only these types, such as run.finished or key.*."),
]
"""The type of a parameter that selects types of events."""

Reader = Annotated[Principal, Depends(require(EVENTS_READ))]


def read_query(
    *,
    types: TypesQuery = None,
    subject: Annotated[Name | None, Query(description="Only events about this id.")] = None,
    since: Moment = None,
    until: Moment = None,
) -> EventQuery:
    """
    Return what the query of a request selects.

    Raises:
        ProblemError: 400: a value is not valid.
    """
    now = time.time()
    return EventQuery(
        types=select_types(types or ["*"], param="type"),
        subject=subject,
        since=read_moment(since, "since", now),
        until=read_moment(until, "until", now),
    )


@router.get("", response_model_exclude_unset=True, responses=list_responses(400, 401, 403, 503))
async def list_events(
    request: Request,
    reader: Reader,
    where: Annotated[EventQuery, Depends(read_query)],
    *,
    after: Annotated[
        str | None, Query(max_length=64, description="The id of an event: only later ones are listed.")
    ] = None,
    before: Annotated[
        str | None, Query(max_length=64, description="The id of an event: only earlier ones are listed.")
    ] = None,
    order: Annotated[Order, Query(description="Which events come first.")] = "oldest",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of items.")] = DEFAULT_LIMIT,
) -> Page[EventReply]:
    """
    List events in their order, the oldest first unless `order` says otherwise, without texts of prompts and replies.

    The `next_cursor` is the `after` of the next page, or its `before` if the newest come first. A principal that does
    not see everything gets the events of what it owns.
    """
    places = {"after": parse_id(after) if after is not None else 0}
    if before is not None:
        places["before"] = parse_id(before, param="before")
    async with get_database(request).read() as connection:
        found = await read_list(connection, _restrict(where, reader), order, **places, limit=limit + 1)
    source = get_worker(request).configuration.server.events.source
    last = found[limit - 1].id if len(found) > limit else None
    return Page[EventReply](items=[_describe(event, source) for event in found[:limit]], next_cursor=last)


@router.get("/types", responses=list_responses(401, 403))
async def list_types(reader: Reader) -> EventTypesReply:
    """List the types of events."""
    visible = find_visible(EVENT_TYPES, reader)
    return EventTypesReply(
        types=[
            EventTypeReply(
                name=each.name,
                meaning=each.meaning,
                scope=each.scope,
                is_visible=each.name in visible,
                dataschema=f"{SCHEMA_PATH}{each.name}",
            )
            for each in EVENT_TYPES.values()
        ]
    )


@router.get(
    "/schemas/{name}",
    response_model=dict[str, Any],
    responses=list_responses(400, 401, 403, 404),
)
async def show_schema(_: Reader, name: Annotated[str, Path(max_length=64, description="A type.")]) -> JSONResponse:
    """Return the JSON schema of the data of a type of events."""
    schema: Mapping[str, Any] | None = describe_data(name)
    if schema is None:
        hint = "GET /api/events/types lists them."
        raise reject("There is no such type of events.", code="unknown_event_type", hint=hint, status=404)
    return JSONResponse(schema, media_type="application/schema+json")


@router.get("/{event_id}", response_model_exclude_unset=True, responses=list_responses(400, 401, 403, 404, 503))
async def show(
    request: Request,
    reader: Reader,
    event_id: Annotated[str, Path(max_length=64, description="The id of an event.")],
) -> EventReply:
    """Return an event, without texts of prompts and replies."""
    place = parse_id(event_id, param="event_id")
    where = _restrict(EventQuery(frozenset(EVENT_TYPES)), reader)
    async with get_database(request).read() as connection:
        found = await read_events(connection, places=[place], types=where.types, owner=where.owner)
    if not found:
        hint = "GET /api/events lists them. They are kept for the days that [server.events] retention says."
        raise reject(f"There is no event {event_id!r}.", code="not_found", hint=hint, status=404)
    return _describe(found[0], get_worker(request).configuration.server.events.source)


def _restrict(where: EventQuery, reader: Principal) -> EventQuery:
    """Return a query that selects only what a principal may see."""
    owner = None if sees_all(reader) else reader.owner
    return replace(where, types=find_visible(where.types, reader), owner=owner)


def _describe(event: Event, source: str) -> EventReply:
    return EventReply.model_validate(describe_event(event, source, with_texts=False))
