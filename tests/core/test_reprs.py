"""What results show in a prompt or a debugger."""

from __future__ import annotations

import dataclasses
import inspect
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import budwood
from budwood import types
from budwood.types import BudgetState, EndpointState, Finished, MediaDelta, ResponseStarted, TextDelta
from budwood.types.record import Record


def list_results():
    """
    List the public dataclasses whose fields may be unknown.
    """
    named = [getattr(module, name, None) for module in (budwood, types) for name in module.__all__]
    for kind in sorted({each for each in named if inspect.isclass(each)}, key=lambda kind: kind.__name__):
        is_result = dataclasses.is_dataclass(kind) and not kind.__module__.endswith(".http")
        if is_result and any(field.default is None or "None" in str(field.type) for field in dataclasses.fields(kind)):
            yield kind


@pytest.mark.parametrize("kind", [*list_results()], ids=lambda kind: kind.__name__)
def test_unknown_fields_are_not_shown(kind):
    """
    The repr of a result without values is its name.
    """
    result = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(result, field.name, None)

    assert repr(result) == f"{kind.__name__}()"


def test_all_results_are_checked():
    """
    The list above has those of events, states and progress.
    """
    names = {kind.__name__ for kind in list_results()}

    assert names > {"Attempt", "BudgetState", "EndpointState", "Finished", "KeyState", "PullProgress", "CompletedReply"}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (TextDelta("Hi\nthere"), r"TextDelta(text='Hi\nthere')"),
        (ResponseStarted(), "ResponseStarted()"),
        (Finished("stop", choice=1), "Finished(reason='stop', choice=1)"),
        (MediaDelta(0, bytes(5000)), "MediaDelta(index=0, data=<5,000 bytes>)"),
        (MediaDelta(0, b"abc"), "MediaDelta(index=0, data=b'abc')"),
    ],
)
def test_events_are_short(result, expected):
    """
    They show what they bring, and the size of large contents.
    """
    assert repr(result) == expected


def test_states_show_what_is_known():
    """
    Counts are shown also if they are zero.
    """
    endpoint = EndpointState(
        name="work",
        provider="work",
        url=None,
        state="closed",
        calls=0,
        failures=0,
        consecutive_failures=0,
        in_flight=0,
        latency=0.5,
        first_token=None,
        next_probe=None,
        last_error=None,
    )
    budget = BudgetState(
        name="daily",
        unit="dollars",
        per="day",
        label=None,
        limit=Decimal(5),
        spent=Decimal(1),
        left=Decimal(4),
        resets_at=datetime(2026, 1, 2, tzinfo=UTC),
    )

    assert repr(endpoint) == (
        "EndpointState(name='work', provider='work', state='closed', calls=0, failures=0, consecutive_failures=0, "
        "in_flight=0, latency=0.5)"
    )
    assert "label" not in repr(budget)
    assert "spent=Decimal('1')" in repr(budget)


def test_a_reply_prints_its_text_and_shows_one_line():
    """
    `print` is for people, and the repr for debugging.
    """
    with budwood.Client("offline/extractive") as client:
        reply = client.ask("What is grafted? A shoot is grafted.\nA leaf falls.")
        stream = client.stream("What is grafted? A shoot is grafted.")
        many = client.ask_many(["What is grafted? A shoot is grafted."])
        speech = client.stream_speech("Hello", model="offline/speech")
        live = client.submit_batch(["What is grafted? A shoot is grafted."], lane="live")
        live.result()
        shown = [reply, reply.message, stream, many, speech, live, client, client.chat(), *client.endpoints()]
        lines = [repr(each) for each in shown]
        with stream, speech, many:
            assert repr(many) == "CompletedReplies(0 of 1 done)"
            assert len(list(many)) == 1
            list(speech)

        assert str(reply) == reply.text == "A shoot is grafted."
        assert all("\n" not in line and "None" not in line and " at 0x" not in line for line in lines), lines
        assert (repr(many), repr(speech)) == ("CompletedReplies(1 of 1 done)", "MediaStream(ended)")


def test_records_leave_out_what_is_unknown():
    """
    All records of the types have the same repr.
    """
    records = [kind for kind in vars(types).values() if inspect.isclass(kind) and issubclass(kind, Record)]

    assert [kind for kind in records if "__repr__" in vars(kind)] == []
