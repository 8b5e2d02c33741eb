"""Calls of other libraries, reported to observers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

import budwood
from budwood.errors import ConfigurationError, ServerError
from budwood.types import (
    AttemptFinished,
    AttemptStarted,
    CacheHit,
    FirstToken,
    RequestFinished,
    RequestStarted,
)

PRICES = {"models": {"openai/small": {"prices": {"input": 1, "output": 2}}}}
USAGE = budwood.Usage(input_tokens=10, output_tokens=5)


class Recorder:
    """
    Stores all events.
    """

    def __init__(self):
        self.events = []
        self.is_closed = False

    def observe(self, event):
        self.events.append(event)

    @property
    def kinds(self):
        return [type(event) for event in self.events]

    def close(self):
        self.is_closed = True


class Selective(Recorder):
    """
    Stores ends only.
    """

    event_types = (RequestFinished,)


@pytest.fixture
def recorder():
    """
    An observer that stores all events.
    """
    return Recorder()


@pytest.fixture
def reporter(recorder, clock):
    """
    A reporter to that observer, with prices of one model.
    """
    return budwood.CallReporter([recorder], settings=PRICES, clock=clock)


@pytest.fixture
def file(tmp_path):
    """
    The file of the usage store.
    """
    return tmp_path / "usage.sqlite3"


@pytest.fixture
def store_settings(file):
    """
    Settings in which the usage store runs.
    """
    return {**PRICES, "observers": ["usage"], "observer": {"usage": {"path": str(file)}}}


def answer(text="Hello", model="small-1"):
    """
    Return a reply of a model.
    """
    return budwood.ChatResponse(message=budwood.Message.assistant(text), usage=USAGE, model=model, provider="openai")


def test_call_has_the_events_of_a_client(reporter, recorder, clock):
    """
    A reported stream has the events that a call of a client has, with its durations and its cost.
    """
    call = reporter.start("openai", "small", prompt="Hi", label="mails", streamed=True)
    clock.advance(2)
    call.report_first_token()
    call.report_first_token()
    clock.advance(3)
    call.finish(answer())

    started, _, first, attempt, finished = recorder.events
    assert recorder.kinds == [RequestStarted, AttemptStarted, FirstToken, AttemptFinished, RequestFinished]
    assert (started.provider, started.model, started.streamed, started.label) == ("openai", "small", True, "mails")
    assert first.seconds == 2
    assert {event.call for event in recorder.events} == {call.id}
    assert attempt.attempt == finished.attempts[0]
    assert (finished.seconds, finished.prompt, finished.label, finished.error) == (5, "Hi", "mails", None)
    assert finished.attempts[0].cost == Decimal("0.00002")
    assert finished.response.cost == Decimal("0.00002")
    assert finished.response.attempts == finished.attempts


def test_usage_without_a_reply_is_enough(reporter, recorder):
    """
    A caller that has no reply in Budwood's form passes the tokens.
    """
    reporter.start("openai", "small").finish(usage=USAGE)

    assert recorder.events[-1].response is None
    assert recorder.events[-1].attempts[0].usage == USAGE
    assert recorder.events[-1].attempts[0].cost == Decimal("0.00002")


@pytest.mark.parametrize(
    ("provider", "model", "answered", "tier", "expected"),
    [
        ("openai", "gpt-4o-mini", "", None, Decimal("0.0000045")),
        ("openai", "my-alias", "gpt-4o-mini-2024-07-18", None, Decimal("0.0000045")),
        ("unknown", "gpt-4o-mini", "", None, None),
        ("openai", "small", "", "priority", None),
    ],
)
def test_cost_is_that_of_the_catalog(reporter, recorder, *, provider, model, answered, tier, expected):
    """
    The price is that of the requested model, or of the one that answered; other tiers have no standard price.
    """
    reporter.start(provider, model).finish(usage=USAGE, model=answered, service_tier=tier)

    attempt = recorder.events[-1].attempts[0]
    assert attempt.cost == expected
    assert (attempt.cost_unknown is None) == (expected is not None)


def test_reported_cost_comes_first(reporter, recorder):
    """
    What the vendor charges replaces the price of the catalog.
    """
    reporter.start("openai", "small").finish(usage=USAGE.model_copy(update={"reported_cost": Decimal("0.5")}))

    assert recorder.events[-1].attempts[0].cost == Decimal("0.5")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"provider": "openai", "model": "gpt-4o-mini-2024-07-18"}, ("openai", "gpt-4o-mini-2024-07-18")),
        ({"provider": "openai", "requested_model": "gpt-4o-mini", "model": "x"}, ("openai", "gpt-4o-mini")),
        ({"provider": "openai"}, ("openai", "claude-sonnet-4-5")),
        ({"provider": "Anthropic", "model": "claude-sonnet-4-5-20250929"}, ("anthropic", "claude-sonnet-4-5")),
        ({"requested_model": "claude-haiku-4-5"}, ("anthropic", "claude-haiku-4-5")),
    ],
)
def test_backup_that_answered_is_recorded(reporter, recorder, *, names, expected):
    """
    The end of the call has the provider and the model that answered, also if they are not those of its start.
    """
    reporter.start("anthropic", "claude-sonnet-4-5").finish(usage=USAGE, **names)

    started, *_, attempt, finished = recorder.events
    assert (started.provider, started.model) == ("anthropic", "claude-sonnet-4-5")
    assert (attempt.attempt.provider, attempt.attempt.model) == expected
    assert (finished.provider, finished.model) == expected


def test_price_is_that_of_the_backup(reporter, recorder):
    """
    The catalog of the provider that answered has the price. The reply of a client says which one that is.
    """
    reporter.start("anthropic", "claude-sonnet-4-5").finish(answer(model="gpt-4o-mini-2024-07-18"), cached=True)

    hit = next(event for event in recorder.events if isinstance(event, CacheHit))
    assert (hit.provider, hit.model, hit.saved) == ("openai", "gpt-4o-mini-2024-07-18", Decimal("0.0000045"))
    assert recorder.events[-1].attempts[0].saved == hit.saved


def test_failed_call_has_its_error(reporter, recorder):
    """
    A failure has the error, the status, and no cost that would pretend to be known.
    """
    error = ServerError("down", status=500, provider="openai")
    reporter.start("openai", "small").fail(error, status=500)

    finished = recorder.events[-1]
    assert finished.error is error
    assert (finished.attempts[0].error, finished.attempts[0].status) == ("ServerError", 500)
    assert finished.attempts[0].cost is None


def test_failed_call_with_known_tokens_has_a_cost(reporter, recorder):
    """
    Tokens that were counted before the failure are paid for.
    """
    reporter.start("openai", "small").fail(GeneratorExit(), usage=USAGE)

    assert recorder.events[-1].attempts[0].cost == Decimal("0.00002")


def test_reply_from_a_cache_costs_nothing(reporter, recorder):
    """
    A cache of the caller saves what the call would have cost.
    """
    reporter.start("openai", "small").finish(answer(), cached=True)

    hit = next(event for event in recorder.events if isinstance(event, CacheHit))
    attempt = recorder.events[-1].attempts[0]
    assert hit.saved == Decimal("0.00002")
    assert (attempt.cached, attempt.cost, attempt.saved) == (True, 0, Decimal("0.00002"))
    assert recorder.events[-1].response.cached


def test_observer_that_another_client_reports_to_is_left_out(store_settings, file, clock):
    """
    An observer that learns about the call elsewhere receives nothing, whether it is named or an object.
    """
    own, other = Recorder(), Recorder()
    with budwood.CallReporter([own, other, "usage"], settings=store_settings, clock=clock) as reporter:
        reporter.start("openai", "small", reported_to=[other, "Usage"]).finish(usage=USAGE)

    assert own.kinds == [RequestStarted, AttemptStarted, AttemptFinished, RequestFinished]
    assert other.events == []
    assert not file.exists()


def test_client_lists_its_observers(recorder, store_settings):
    """
    It returns the names and the objects, so that a reporter can leave them out.
    """
    with budwood.Client(settings=store_settings, observers=[recorder, "usage"]) as client:
        assert client.observers() == (recorder, "usage")
    with budwood.CallReporter([recorder, "usage"], settings=store_settings) as reporter:
        assert reporter.observers() == (recorder, "usage")
    with budwood.Client(settings=store_settings) as client:
        assert client.observers() == ("usage",)
    with budwood.Client(settings={}) as client:
        assert client.observers() == ()


def test_selective_observer_receives_its_kinds(clock):
    """
    It receives the kinds of events that it needs; the reporter tells which are needed.
    """
    selective = Selective()
    reporter = budwood.CallReporter([selective], clock=clock)
    reporter.start("openai", "small").finish(usage=USAGE)

    assert selective.kinds == [RequestFinished]
    assert reporter.needs(RequestFinished)
    assert not reporter.needs(RequestStarted)


def test_failing_observer_does_not_affect_the_caller(recorder, clock):
    """
    Its error is logged, and the others receive the events.
    """

    class Broken(Recorder):
        def observe(self, event):
            raise ValueError("broken")

    reporter = budwood.CallReporter([Broken(), recorder], clock=clock)
    reporter.start("openai", "small").finish(usage=USAGE)

    assert RequestFinished in recorder.kinds


def test_objects_of_the_caller_stay_open(recorder, clock):
    """
    Only observers that were created from names are closed.
    """
    with budwood.CallReporter([recorder], clock=clock):
        pass

    assert not recorder.is_closed


def test_observers_of_the_settings_are_the_default(store_settings, file):
    """
    Without an argument, the observers of the settings record the call, and closing writes what they have.
    """
    with budwood.CallReporter(settings=store_settings) as reporter:
        reporter.start("openai", "small", call="run-1", label="mails").finish(usage=USAGE)
    reporter.close()

    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT call, provider, model, label, output_tokens FROM budwood_calls").fetchall()
    assert rows == [("run-1", "openai", "small", "mails", 5)]


def test_wrong_observers_are_an_error():
    """
    The argument is checked as that of a client is.
    """
    with pytest.raises(ConfigurationError, match="observers= must be a list"):
        budwood.CallReporter("usage")
