"""``/admin/events``: what has happened, and what happens now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from budwood_server.api import events
from budwood_server.database import EVENTS
from budwood_server.database.versions import read_versions
from budwood_server.events.event_types import EVENT_TYPES, find_visible
from budwood_server.events.reading import format_id
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get
from budwood_server.page.views.telemetry import TIMES
from budwood_server.page.visits import Visit
from budwood_server.people.principals import Principal
from budwood_server.people.roles import EVENTS_READ
from budwood_server.web.problems import ProblemError

PATH: Final = "/admin/events"
LINK: Final = Link("Events", PATH, "events", "Observe", EVENTS_READ)

_FILTERS: Final = ("type", "subject", "since", "until")
_TEXT: Final = re.compile(r"[^\0-\x1f]{1,200}")


async def show_events(visit: Visit) -> Response:
    """List events, the newest first. Scripts add later ones to a live list."""
    filters = _read_filters(visit)
    last = await _find_last(visit)  # before the list: what comes later is in the stream
    error = None
    try:
        where = events.read_query(
            types=[filters["type"]] if "type" in filters else None,
            **{name: filters.get(name) for name in ("subject", "since", "until")},
        )
        page = await events.list_events(
            visit.request, visit.principal, where, before=visit.query.get("cursor") or None, order="newest"
        )
    except ProblemError as problem:
        if problem.problem.status != 400:
            raise
        page, error = None, problem.problem
    values = {
        "page": page,
        "error": error,
        "filters": filters,
        "times": TIMES,
        "types": _list_types(visit.principal),
        "is_live": bool(visit.query.get("live")) and not visit.query.get("cursor") and error is None,
        "last": last,
        "live_query": _encode_live(filters),
        "now": datetime.now(UTC),
    }
    return visit.render("events.html", values, status=400 if error else 200)


async def show_event(visit: Visit) -> Response:
    """Show an event as programs get it."""
    event = await events.show(visit.request, visit.principal, visit.request.path_params["event_id"])
    return visit.render("event.html", {"event": event, "json": event.model_dump(mode="json")})


def _read_filters(visit: Visit) -> Mapping[str, str]:
    """Return the filters of the address that are not empty, and that an event can have."""
    found = {name: (visit.query.get(name) or "").strip() for name in _FILTERS}
    return {name: text for name, text in found.items() if _TEXT.fullmatch(text)}


async def _find_last(visit: Visit) -> str:
    """Return the id of the last event."""
    async with visit.database.read() as connection:
        return format_id((await read_versions(connection))[EVENTS])


def _list_types(principal: Principal) -> Sequence[tuple[str, str]]:
    """Return the types that an account sees, and the groups of several types, as a field offers them."""
    visible = sorted(find_visible(EVENT_TYPES, principal))
    choices = [("", "All types")]
    for group, members in groupby(visible, key=lambda name: name.partition(".")[0]):
        names = [*members]
        choices += [(f"{group}.*", f"{group}.*")] if len(names) > 1 else []
        choices += [(name, name) for name in names]
    return choices


def _encode_live(filters: Mapping[str, str]) -> str:
    """Return the same filters for ``/v1/events``."""
    names = {"type": "types", "subject": "subject"}
    return urlencode({name: filters[own] for own, name in names.items() if own in filters})


ROUTES: Final = [
    get(PATH, show_events, EVENTS_READ),
    get(f"{PATH}/{{event_id}}", show_event, EVENTS_READ),
]
