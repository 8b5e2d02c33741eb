"""``/api/events``: the types of events with their schemas, and the events that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse

from budwood_server.api.access import get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, Paging
from budwood_server.api_models.events import EventReply, EventTypeReply, EventTypesReply
from budwood_server.events.envelope import SCHEMA_PATH, describe_event
from budwood_server.events.event_types import EVENT_TYPES, find_visible, select_types
from budwood_server.events.reading import Event, parse_id, read_events
from budwood_server.events.schemas import describe_data
from budwood_server.people.principals import Principal, sees_all
from budwood_server.people.roles import EVENTS_READ
from budwood_server.web.problems import reject

router = APIRouter(prefix="/api/events", tags=["events"])

MAX_TYPES: Final = 50

Reader = Annotated[Principal, Depends(require(EVENTS_READ))]


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_events(
    request: Request,
    reader: Reader,
    after: Annotated[
        str | None, Query(max_length=64, description="The id of an event: only later ones are listed.")
    ] = None,
    types: Annotated[
        list[str] | None,
        Query(alias="type", max_length=MAX_TYPES, description="Only these types, such as run.finished or key.*."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of items.")] = DEFAULT_LIMIT,
) -> Page[EventReply]:
    """
    List events in their order, the oldest first, without texts of prompts and replies.

    The `next_cursor` is the `after` of the next page. Somebody who does not see everything gets the events of what it
    owns.
    """
    source = get_worker(request).configuration.server.events.source
    visible = find_visible(select_types(types or ["*"], param="type"), reader)
    owner = None if sees_all(reader) else reader.owner
    place = parse_id(after) if after is not None else 0
    paging = Paging(None, limit)
    async with get_database(request).read() as connection:
        found = await read_events(connection, place, limit=paging.fetch, types=visible, owner=owner)

    def convert(event: Event) -> EventReply:
        return EventReply.model_validate(describe_event(event, source, with_texts=False))

    last = found[limit - 1].id if len(found) > limit else None
    return Page[EventReply](items=[convert(event) for event in found[:limit]], next_cursor=last)


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
