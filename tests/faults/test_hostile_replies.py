"""Replies made to confuse: control characters, numbers beyond reason, JSON nested without end."""

from __future__ import annotations

import json

import pytest

from budwood.errors import (
    BadResponseError,
    BudwoodError,
    StreamInterruptedError,
)
from budwood_testing import chat_reply, sse
from tests.faults.replies import GOOD, beginning, failure, stream
from tests.servers import CHUNKED, EVENT_STREAM, chunk, head, reply

CONTROLS = "\x1b[31mred\x07\x00\x9b2J\u202egnirts\u2028"


def test_control_characters_of_an_error_are_not_shown(ask, loopback_server):
    """
    What a vendor says in an error cannot steer the terminal that shows it.
    """
    loopback_server.play(reply(400, {"error": {"message": CONTROLS, "code": "x"}}))

    with pytest.raises(BudwoodError) as caught:
        ask()

    assert "red" in str(caught.value)
    assert str(caught.value).isprintable()


def test_control_characters_of_a_title_are_not_shown(ask, loopback_server):
    """
    The same holds for what is quoted of a page.
    """
    loopback_server.play(reply(200, f"<title>{CONTROLS}</title>"))

    assert failure(ask, BadResponseError)


def test_control_characters_of_a_model_are_kept(ask, loopback_server):
    """
    What a model writes is handed over as it is: it is the caller's data.
    """
    loopback_server.play(reply(200, chat_reply(CONTROLS)))

    assert ask().text == CONTROLS


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000, "1" + "0" * 400, "NaN", "-7", "0.5", "true"])
def test_numbers_beyond_reason(ask, loopback_server, number):
    """
    Impossible counts of tokens are unknown, or what was said; a number that Python cannot read is broken JSON.
    """
    body = json.dumps(chat_reply("good")).replace('"prompt_tokens": 5', f'"prompt_tokens": {number}')
    loopback_server.play(reply(200, body), times=3)

    if len(number) > 4300:
        failure(ask, BadResponseError)
        return
    response = ask()
    assert response.text == "good"
    assert response.usage.input_tokens in (None, 10**400)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 100_000,
        b"[" * 1_000_000,
        b'{"choices": ' + b"9" * 100_000 + b"}",
    ],
)
def test_hostile_json(ask, loopback_server, body):
    """
    Nesting without end and numbers without end are broken JSON, and no crash.
    """
    loopback_server.play(reply(200, body), times=3)

    error = failure(ask, BadResponseError)

    assert "JSON" in error.message


def test_hostile_events_of_a_stream(ask_streamed, loopback_server):
    """
    An event that is no JSON, after text, interrupts the stream with what arrived.
    """
    broken = b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n'
    loopback_server.play(stream(beginning("Hello"), broken))

    error = failure(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hello"


@pytest.mark.parametrize(
    "delta",
    [
        {"refusal": 7},
        {"content": "x", "tool_calls": [{"id": 7, "function": {"name": 7}}]},
        {"content": "x", "tool_calls": 7},
        {"content": 7},
        {"content": {"text": "x"}},
    ],
)
def test_deltas_of_other_types_are_kept(ask_streamed, loopback_server, delta):
    """
    A delta whose fields have other types than the API documents is part of the reply.
    """
    events = sse({"choices": [{"delta": delta}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    loopback_server.play(stream(*events))

    assert ask_streamed().message.parts


def test_a_reply_has_the_same_text_in_all_ways(ask, loopback_server):
    """
    The faults above are told from a good reply: it passes, whole or streamed.
    """
    loopback_server.play(GOOD)

    assert ask().text == "good"


def test_text_before_a_break_was_shown(loopback_server):
    """
    The caller of a stream reads what arrives before the break, and then gets the error.
    """
    from budwood import Client

    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), chunk(beginning("Hello, ", "wor")))
    seen = []

    with (
        Client("openai/gpt-4o", api_key="k", base_url=loopback_server.url) as client,
        client.stream("hi") as events,
        pytest.raises(StreamInterruptedError),
    ):
        seen.extend(events.text_deltas())

    assert seen == ["Hello, ", "wor"]
