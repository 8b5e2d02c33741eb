"""Observers that receive only some kinds of events."""

from __future__ import annotations

import pytest

from budwood.contracts import HeadersObserver, Observer, SelectiveObserver
from budwood.engine.accounting import observers
from budwood.errors import ConfigurationError
from budwood.types import AttemptFinished, AttemptStarted, RequestFinished
from budwood_testing import chat_reply


class Selective:
    """
    Stores events of some kinds.
    """

    def __init__(self, *event_types):
        self.event_types = event_types
        self.events = []

    def observe(self, event):
        self.events.append(type(event))


class Tracer(Selective):
    """
    Adds a header, and receives no event.
    """

    def attempt_headers(self, event):
        return {"x-attempt": str(event.number)}


def test_observer_receives_the_kinds_that_it_selects(make_client, scripted):
    """
    Each observer receives its kinds alone; one without `event_types` receives all.
    """
    every = Selective()
    del every.event_types
    ends, attempts = Selective(RequestFinished), Selective(AttemptStarted, AttemptFinished)
    scripted.reply(200, chat_reply("Hi"))
    with make_client(observers=[ends, every, attempts]) as client:
        client.ask("Hello")

    assert ends.events == [RequestFinished]
    assert attempts.events == [AttemptStarted, AttemptFinished]
    assert len(every.events) == 4


def test_events_without_receivers_are_not_created(make_client, scripted, monkeypatch):
    """
    What no observer receives is not built.
    """
    for name in ("RequestStarted", "AttemptFinished"):
        monkeypatch.setattr(getattr(observers, name), "__init__", None)
    scripted.reply(200, chat_reply("Hi"))
    with make_client(observers=[Selective(RequestFinished)]) as client:
        assert client.ask("Hello").text == "Hi"


def test_headers_do_not_depend_on_the_kinds(make_client, scripted):
    """
    An observer that adds headers adds them, also if it receives no event, and numbers attempts as others see them.
    """
    scripted.reply(503, {}).reply(200, chat_reply("Hi"))
    with make_client(observers=[Tracer()]) as client:
        client.ask("Hello")

    assert [call.headers["x-attempt"] for call in scripted.calls] == ["1", "2"]


@pytest.mark.parametrize("types", [RequestFinished, ["RequestFinished"], None, 7])
def test_wrong_event_types_are_an_error(make_client, types):
    """
    They must be a collection of classes.
    """
    observer = Selective()
    observer.event_types = types

    with pytest.raises(ConfigurationError, match="Selective has event_types that are not a collection of classes"):
        make_client(observers=[observer])


def test_protocol_is_recognised():
    """
    An observer with the attribute satisfies `SelectiveObserver`.
    """
    observer: Observer = Selective(RequestFinished)

    assert isinstance(observer, SelectiveObserver)
    assert not isinstance(observer, HeadersObserver)
