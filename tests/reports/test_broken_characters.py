"""Characters that a server splits or encodes wrongly do not affect the rest of the reply."""

from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, InvalidRequestError
from budwood_testing import chat_reply
from tests.reports.compatible import ask, chunk, encode_event, events, open_client, weather


def encode_text_event(encoded, name="content"):
    """
    Encode a chunk with a text that is already JSON, or is bytes.
    """
    return encode_event(json.dumps(chunk({name: "@"})).encode().replace(b'"@"', b'"' + encoded + b'"'))


def encode_vendor_stream(vendor, *encoded):
    """
    Encode a vendor's stream with texts that are already JSON.
    """

    def set_text(event, text):
        return json.dumps(event).encode().replace(b'"@"', b'"' + text + b'"')

    if vendor == "gemini":
        part = {"candidates": [{"content": {"role": "model", "parts": [{"text": "@"}]}}]}
        last = {"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}
        return [*(encode_event(set_text(part, text)) for text in encoded), encode_event(last)]
    if vendor == "anthropic":
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "@"}}
        message = {"id": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}
        return [
            encode_event({"type": "message_start", "message": message}),
            encode_event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            *(encode_event(set_text(delta, text)) for text in encoded),
            encode_event({"type": "content_block_stop", "index": 0}),
            encode_event(
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
            ),
            encode_event({"type": "message_stop"}),
        ]
    line = {"model": "m", "message": {"role": "assistant", "content": "@"}, "done": False}
    last = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return [*(set_text(line, text) + b"\n" for text in encoded), json.dumps(last).encode() + b"\n"]


COMPLETE = [
    pytest.param(b"cut \\ud83d", "cut \ufffd", id="first half alone"),
    pytest.param(b"cut \\ude00", "cut \ufffd", id="second half alone"),
    pytest.param(b"\\ude00\\ud83d", "\ufffd\ufffd", id="halves in the wrong order"),
    pytest.param(b"\\ud83d and \\ude00", "\ufffd and \ufffd", id="halves apart"),
    pytest.param(b"a\\uD83D\\uDE00b", "a\U0001f600b", id="pair"),
    pytest.param(b"a\xffb", "a\ufffdb", id="invalid UTF-8 byte"),
    pytest.param(b"caf\xe9", "caf\ufffd", id="Latin-1"),
    pytest.param(b"a\nb\tc", "a\nb\tc", id="raw line break and tab"),
]


@pytest.mark.report("pydantic/jiter#120", outcome="mended")
@pytest.mark.parametrize(("encoded", "expected"), COMPLETE)
def test_a_complete_reply_keeps_all_other_characters(encoded, expected, scripted, clock):
    """
    Half a surrogate pair and an invalid byte become U+FFFD; the rest of the reply is unchanged.
    """
    body = json.dumps(chat_reply("@")).encode().replace(b'"@"', b'"' + encoded + b'"')
    scripted.reply(200, body)

    response = ask(scripted, clock)
    assert (response.text, response.usage.output_tokens) == (expected, 7)
    json.dumps(response.model_dump(mode="json"))


SPLIT = [
    pytest.param([b"hi \\ud83d", b"\\ude00!"], "hi \U0001f600!", id="surrogate pair"),
    pytest.param([b"\\ud83d", b"\\ude00\\ud83d", b"\\ude00"], "\U0001f600\U0001f600", id="two pairs"),
    pytest.param([b"\xf0\x9f", b"\x98\x80"], "\U0001f600", id="UTF-8 in halves"),
    pytest.param([b"\xf0", b"\x9f", b"\x98", b"\x80 x"], "\U0001f600 x", id="UTF-8 byte by byte"),
    pytest.param([b"caf\xc3", b"\xa9"], "caf\u00e9", id="two bytes"),
    pytest.param([b"cut \\ud83d", b" here"], "cut \ufffd here", id="half alone"),
    pytest.param([b"cut \\ud83d"], "cut \ufffd", id="half at the end"),
    pytest.param([b"\xff", b"a"], "\ufffda", id="invalid UTF-8 byte"),
    pytest.param([b"a\\ude00", b"b"], "a\ufffdb", id="second half alone"),
]


@pytest.mark.report("pydantic/jiter#120", outcome="mended")
@pytest.mark.parametrize(("encoded", "expected"), SPLIT)
@pytest.mark.parametrize("name", ["content", "reasoning_content"])
def test_a_character_that_is_split_over_chunks_is_one(name, encoded, expected, scripted, clock):
    """
    The halves of a character in two chunks are joined, in text and in reasoning.
    """
    scripted.reply(200, chunks=[*(encode_text_event(one, name) for one in encoded), *events(chunk({}, "stop"))])

    response = ask(scripted, clock, streamed=True)
    assert (response.text if name == "content" else response.reasoning) == expected
    assert response.finish_reason == "stop"


@pytest.mark.parametrize("vendor", ["anthropic", "gemini", "ollama"])
@pytest.mark.parametrize(("encoded", "expected"), SPLIT)
def test_a_character_that_is_split_is_one_with_every_vendor(vendor, encoded, expected, scripted, clock):
    """
    The decoders of all vendors join the halves.
    """
    scripted.reply(200, chunks=encode_vendor_stream(vendor, *encoded))

    assert ask(scripted, clock, streamed=True, model=f"{vendor}/claude-or-other").text == expected


def test_stream_events_contain_complete_characters(scripted, clock):
    """
    No event of a stream contains half a character.
    """
    scripted.reply(
        200, chunks=[encode_text_event(b"\\ud83d"), encode_text_event(b"\\ude00"), *events(chunk({}, "stop"))]
    )
    with open_client(scripted, clock) as client, client.stream("Hello") as stream:
        texts = [event.text for event in stream if hasattr(event, "text")]

    assert "".join(texts) == "\U0001f600"
    assert all(text.encode() for text in texts)


def test_arguments_of_a_tool_are_joined_too(scripted, clock):
    """
    Halves of characters in tool arguments are joined, escaped or not.
    """
    fragments = [b'{\\"city\\": \\"\xf0\x9f', b"\x98\x80 \\ud83d", b'\\ude00\\"}']
    calls = []
    for number, fragment in enumerate(fragments):
        call = {"index": 0, "function": {"arguments": "@"}} | ({} if number else {"id": "a"})
        call["function"] |= {} if number else {"name": "weather"}
        calls.append(
            encode_event(json.dumps(chunk({"tool_calls": [call]})).encode().replace(b'"@"', b'"' + fragment + b'"'))
        )
    scripted.reply(200, chunks=[*calls, *events(chunk({}, "tool_calls"))])
    scripted.reply(200, chunks=events(chunk({"content": "Rain."}, "stop")))

    ask(scripted, clock, streamed=True, tools=[weather])
    assert scripted.sent()["messages"][2]["content"] == "rain in \U0001f600 \U0001f600"


def test_an_error_with_an_invalid_byte_is_quoted(scripted, clock):
    """
    Invalid bytes in the body of an error do not hide its message.
    """
    scripted.reply(400, b'{"error": {"message": "No model caf\xe9 here", "code": "bad"}}')
    with pytest.raises(InvalidRequestError, match="No model caf\ufffd here") as caught:
        ask(scripted, clock)
    assert caught.value.code == "bad"


def test_a_byte_order_mark_before_a_reply_is_skipped(scripted, clock):
    """
    A byte order mark at the start of a body is ignored.
    """
    scripted.reply(200, b"\xef\xbb\xbf" + json.dumps(chat_reply("Hi")).encode())

    assert ask(scripted, clock).text == "Hi"


@pytest.mark.parametrize("body", [b'{"choices": [' + b"[" * 100_000, b'{"choices": "\\ud83d', b"\xff\xfe{}"], ids=len)
def test_invalid_json_is_still_an_error(body, scripted, clock):
    """
    A truncated body, too deeply nested JSON, and UTF-16 raise errors.
    """
    scripted.reply(200, body)
    with pytest.raises(BadResponseError):
        ask(scripted, clock)
