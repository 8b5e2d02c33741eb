"""Events as JSON."""

from __future__ import annotations

import pytest

from budwood_server.events.envelope import describe_event
from budwood_server.events.reading import Event

EVENT = Event(place=7, type="run.finished", time=1.5, subject="run_1", owner=None, data={"a": 1}, texts={"reply": "Hi"})


@pytest.mark.parametrize(
    "source", ["https://gateway.example.org", "https://gateway.example.org/", "http://localhost:1"]
)
def test_events_name_their_schema_by_a_url(source):
    """
    CloudEvents allows absolute URIs only.
    """
    event = describe_event(EVENT, source, with_texts=False)

    assert event["dataschema"] == f"{source.rstrip('/')}/api/events/schemas/run.finished"
    assert (event["source"], event["data"]) == (source, {"a": 1})


def test_events_of_a_server_without_a_url_name_no_schema():
    """
    A path alone is no absolute URI.
    """
    assert "dataschema" not in describe_event(EVENT, "budwood", with_texts=False)
