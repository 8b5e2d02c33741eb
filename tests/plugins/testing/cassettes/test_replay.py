"""Replays: which recording a call gets, and how it is returned."""

from __future__ import annotations

import asyncio

import pytest

from budwood.errors import (
    ConfigurationError,
    RequestTimeoutError,
)
from budwood.types import HTTPCall
from budwood_testing import (
    FakeClock,
    RecordingTransport,
    ReplayTransport,
    ScriptedTransport,
    chat_chunks,
    chat_reply,
    sse,
)
from budwood_testing.cassettes.cassette_file import load
from tests.plugins.testing.cassettes.recording import (
    ANY_TIME,
    CASSETTE,
    KEY,
    call,
    create_client,
    read_chunks,
    record,
    stream_async,
)


def test_error_replies_are_replayed(scripted, clock):
    """
    A 429 reply with Retry-After is replayed before the reply to the retry.
    """
    scripted.reply(429, {"error": {"message": "slow"}}, headers={"retry-after": "7"}).reply(200, chat_reply("Hello."))
    with create_client(RecordingTransport(CASSETTE, scripted, clock=clock), clock=clock) as client:
        client.ask("Hi")
    replaying = FakeClock()

    with create_client(ReplayTransport(CASSETTE), clock=replaying) as client:
        assert client.ask("Hi").text == "Hello."

    assert replaying.slept == [7.0]


def test_equal_calls_get_their_recordings_in_order(scripted):
    """
    After the last recording, an error says how often the call was recorded, and how to record again.
    """
    path = record(scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two")), "Hi", "Hi")
    with create_client(ReplayTransport(path)) as client:
        assert [client.ask("Hi").text, client.ask("Hi").text] == ["One", "Two"]
        with pytest.raises(ConfigurationError, match="recorded 2 times, and all are used") as caught:
            client.ask("Hi")

    assert "BUDWOOD_CASSETTES=record" in str(caught.value)


def test_call_without_a_recording_shows_the_difference(scripted):
    """
    The error shows a short diff to the most similar recording, without the key.
    """
    scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two"))
    path = record(scripted, "What is the weather in Oslo?", "Tell me a joke.")

    with create_client(ReplayTransport(path)) as client, pytest.raises(ConfigurationError) as caught:
        client.ask("What is the weather in Rome?")

    message = str(caught.value)
    assert '-   "content": "What is the weather in Oslo?",' in message
    assert '+   "content": "What is the weather in Rome?",' in message
    assert "joke" not in message
    assert KEY not in message
    assert len(message.splitlines()) < 20


def test_bodies_are_compared_as_json(scripted):
    """
    Whitespace and the order of fields are ignored; values, method, path and query must match.
    """
    transport = RecordingTransport(CASSETTE, scripted.reply(200, "found"))
    read_chunks(transport, call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/x?p=1&q=2"))

    def has_recording(sent):
        try:
            return read_chunks(ReplayTransport(CASSETTE), sent) == [b"found"]
        except ConfigurationError:
            return False

    assert has_recording(call(b'{"b":[1,2],"a":1}', "https://a.example/v1/x?q=2&p=1"))
    assert not has_recording(call(b'{"b":[2,1],"a":1}', "https://a.example/v1/x?q=2&p=1"))
    assert not has_recording(call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/x?p=1"))
    assert not has_recording(call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/y?p=1&q=2"))
    assert not has_recording(call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/x?p=1&q=2", "PUT"))


def test_host_is_ignored_with_match_host_false(scripted):
    """
    With `match_host=False` a recording of one host is replayed for another.
    """
    read_chunks(RecordingTransport(CASSETTE, scripted.reply(200, "found")), call())
    elsewhere = call(url="http://127.0.0.1:8000/v1/x")

    assert read_chunks(ReplayTransport(CASSETTE, match_host=False), elsewhere) == [b"found"]
    with pytest.raises(ConfigurationError, match="no such call"):
        ReplayTransport(CASSETTE).open(elsewhere, ANY_TIME)


def test_keys_are_ignored(scripted):
    """
    A call with another key gets the same recording, wherever the key appears.
    """
    scripted.reply(200, "found")
    key, another = "key-of-the-first-one", "and-another-ones-key"
    for make, one in (
        (lambda: RecordingTransport(CASSETTE, scripted), key),
        (lambda: ReplayTransport(CASSETTE), another),
    ):
        sent = HTTPCall(
            method="POST", url=f"https://a.example/?key={one}", headers={"x-api-key": one}, body=f"<{one}>".encode()
        )
        assert read_chunks(make(), sent) == [b"found"]


def test_strict_order_requires_the_next_recording(scripted):
    """
    With `strict_order`, a call out of order raises an error that names the next recording.
    """
    path = record(scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two")), "1", "2")

    with create_client(ReplayTransport(path, strict_order=True)) as client:
        with pytest.raises(ConfigurationError, match=r"the next recording is POST .*, and strict_order is set"):
            client.ask("2")
        assert [client.ask("1").text, client.ask("2").text] == ["One", "Two"]


def test_unused_recordings_can_be_listed(scripted):
    """
    `unused` has the recordings that no call has used.
    """
    path = record(scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two")), "1", "2")
    transport = ReplayTransport(path)

    with create_client(transport) as client:
        client.ask("2")

    (unused,) = transport.unused
    assert b'"1"' in unused.call.body
    assert str(unused) == "POST https://api.openai.com/v1/chat/completions (200)"
    assert transport.asynchronous.unused == transport.unused


@pytest.mark.parametrize("split", [1, 7, lambda body: [body[:5], body[5:]]])
def test_bodies_can_be_split_differently(split, scripted):
    """
    With `split`, bodies are replayed in other chunks than recorded.
    """
    chunks = sse(*chat_chunks(["One ", "two"]))
    with (
        create_client(RecordingTransport(CASSETTE, scripted.reply(200, chunks=chunks))) as client,
        client.stream("Hi") as stream,
    ):
        list(stream)

    transport = ReplayTransport(CASSETTE, split=split)
    with create_client(transport) as client, client.stream("Hi") as stream:
        assert "".join(stream.text_deltas()) == "One two"
    (recording,) = load(CASSETTE)
    sent = HTTPCall(method="POST", url=recording.call.url, body=recording.call.body)
    replayed = read_chunks(ReplayTransport(CASSETTE, split=split), sent)
    assert b"".join(replayed) == b"".join(chunks)
    assert len(replayed[0]) == (split if isinstance(split, int) else 5)


def test_split_of_zero_is_rejected(scripted):
    """
    Chunks of 0 bytes would never end.
    """
    path = record(scripted.reply(200, chat_reply("One")), "1")

    with pytest.raises(ConfigurationError, match="Invalid split=0"):
        ReplayTransport(path, split=0)


class SlowTransport(ScriptedTransport):
    """
    A scripted transport that takes 2.5 s for each chunk.
    """

    def open(self, call, timing):
        exchange = super().open(call, timing)
        read = exchange.read

        def read_slowly():
            self.clock.now += 2.5
            return read()

        exchange.read = read_slowly
        return exchange


@pytest.mark.parametrize("loop", [False, True], ids=["blocking", "async"])
def test_recorded_times_are_replayed(loop, clock):
    """
    With a clock, chunks arrive after the recorded times, and timeouts apply.
    """
    slow = SlowTransport().reply(200, chunks=sse(*chat_chunks(["One ", "two"])))
    slow.clock = clock
    recording = RecordingTransport(CASSETTE, slow, clock=clock, times=True)
    with create_client(recording, clock=clock) as client, client.stream("Hi") as stream:
        list(stream)
    transport, again = ReplayTransport(CASSETTE, clock=clock), ReplayTransport(CASSETTE, clock=clock)
    clock.slept.clear()

    if loop:
        asyncio.run(stream_async(transport.asynchronous, "Hi", clock=clock))
    else:
        with create_client(transport, clock=clock) as client, client.stream("Hi") as stream:
            list(stream)

    assert clock.slept == [2.5] * 5
    with create_client(again, clock=clock, retries=0, idle_timeout=2.0) as client, pytest.raises(RequestTimeoutError):
        client.ask("Hi", extra={"stream": True, "stream_options": {"include_usage": True}})
