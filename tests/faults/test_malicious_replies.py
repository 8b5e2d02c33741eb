"""Malicious replies: control characters, extreme numbers, deeply nested JSON."""

from __future__ import annotations

import json

import pytest

from budwood.errors import (
    BadResponseError,
    BudwoodError,
    StreamInterruptedError,
)
from budwood_testing import chat_reply, sse
from tests.faults.replies import GOOD, catch_error, create_stream, create_stream_start
from tests.servers import CHUNKED, EVENT_STREAM, chunk, head, reply

CONTROLS = "\x1b[31mred\x07\x00\x9b2J\u202egnirts\u2028"


def test_control_characters_in_errors_are_removed(ask, loopback_server):
    """
    Error messages contain no control characters of the vendor.
    """
    loopback_server.play(reply(400, {"error": {"message": CONTROLS, "code": "x"}}))

    with pytest.raises(BudwoodError) as caught:
        ask()

    assert "red" in str(caught.value)
    assert str(caught.value).isprintable()


def test_control_characters_in_titles_are_removed(ask, loopback_server):
    """
    The quoted title of a page contains no control characters.
    """
    loopback_server.play(reply(200, f"<title>{CONTROLS}</title>"))

    assert catch_error(ask, BadResponseError)


def test_control_characters_of_a_model_are_preserved(ask, loopback_server):
    """
    The text of a model is not changed.
    """
    loopback_server.play(reply(200, chat_reply(CONTROLS)))

    assert ask().text == CONTROLS


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000, "1" + "0" * 400, "NaN", "-7", "0.5", "true"])
def test_extreme_numbers(ask, loopback_server, number):
    """
    Invalid token counts are None; a number that Python cannot parse is invalid JSON.
    """
    body = json.dumps(chat_reply("good")).replace('"prompt_tokens": 5', f'"prompt_tokens": {number}')
    loopback_server.play(reply(200, body), times=3)

    if len(number) > 4300:
        catch_error(ask, BadResponseError)
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
def test_malicious_json(ask, loopback_server, body):
    """
    Endless nesting and endless numbers are invalid JSON, without a crash.
    """
    loopback_server.play(reply(200, body), times=3)

    error = catch_error(ask, BadResponseError)

    assert "JSON" in error.message


def test_malicious_events(ask_streamed, loopback_server):
    """
    An event with invalid JSON after text interrupts the stream, with the partial text.
    """
    broken = b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n'
    loopback_server.play(create_stream(create_stream_start("Hello"), broken))

    error = catch_error(ask_streamed, StreamInterruptedError)

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
def test_deltas_of_other_types_are_accepted(ask_streamed, loopback_server, delta):
    """
    A delta whose fields have other types than the API documents is part of the reply.
    """
    events = sse({"choices": [{"delta": delta}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    loopback_server.play(create_stream(*events))

    assert ask_streamed().message.parts


def test_valid_reply_is_accepted(ask, loopback_server):
    """
    A valid reply gives its text, with and without streaming.
    """
    loopback_server.play(GOOD)

    assert ask().text == "good"


def test_text_before_an_interruption_is_yielded(loopback_server):
    """
    The reader of a stream gets the text before the interruption, then the error.
    """
    from budwood import Client

    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), chunk(create_stream_start("Hello, ", "wor")))
    texts = []

    with (
        Client("openai/gpt-4o", api_key="k", base_url=loopback_server.url) as client,
        client.stream("hi") as events,
        pytest.raises(StreamInterruptedError),
    ):
        texts.extend(events.text_deltas())

    assert texts == ["Hello, ", "wor"]
