"""Lists of events."""

from __future__ import annotations

import pytest

from budwood_server.events.event_types import EVENT_TYPES
from budwood_server.events.listing import EventQuery, list_events
from budwood_server.events.recording import NewEvent, record_events
from tests.plugins.server.webhooks.stored import run_stored

ALL = frozenset(EVENT_TYPES)
EVENTS = (
    ("run.finished", "run_1", "red", 10.0),
    ("key.created", "key_1", "blue", 20.0),
    ("run.finished", "run_2", "red", 30.0),
    ("run.finished", "run_1", None, 40.0),
)


@pytest.mark.parametrize(
    ("where", "order", "limits", "places"),
    [
        ({}, "oldest", {}, [1, 2, 3, 4]),
        ({}, "newest", {}, [4, 3, 2, 1]),
        ({}, "newest", {"before": 4, "limit": 2}, [3, 2]),
        ({}, "oldest", {"after": 1, "before": 4}, [2, 3]),
        ({"types": frozenset({"run.finished"})}, "oldest", {}, [1, 3, 4]),
        ({"types": frozenset()}, "oldest", {}, []),
        ({"subject": "run_1"}, "newest", {}, [4, 1]),
        ({"since": 20.0, "until": 40.0}, "oldest", {}, [2, 3]),
        ({"owner": "red"}, "oldest", {}, [1, 3]),
    ],
)
def test_events_are_selected(sqlite_url, where, order, limits, places):
    """
    In either order; those without a place are not listed.
    """
    assert select(sqlite_url, EventQuery(**{"types": ALL} | where), order, **limits) == places


def test_events_are_selected_on_each_database(database_url):
    """
    By everything at once.
    """
    where = EventQuery(ALL, subject="run_1", since=5.0, until=35.0, owner="red")

    assert select(database_url, where, "newest", after=0, before=4) == [1]


def select(url, where, order, *, limit=10, **places):
    """
    Write the events, and return the places of those that are selected.
    """

    async def scenario(stored):
        new = [NewEvent(kind, subject, {}, owner=owner, time=time) for kind, subject, owner, time in EVENTS]
        async with stored.database.write() as connection:
            await record_events(connection, new)
        while await stored.sequencer.assign():
            pass
        async with stored.database.write() as connection:
            await record_events(connection, new[:1])
        async with stored.database.read() as connection:
            return [each.place for each in await list_events(connection, where, order, **places, limit=limit)]

    return run_stored(url, scenario)
