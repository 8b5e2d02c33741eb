"""Which recording answers a call, and how."""

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
from budwood_testing.cassettes.tape import load
from tests.plugins.testing.cassettes.recording import ANY_TIME, KEY, TAPE, asking, call, played, recorded, stream_async


def test_errors_are_replies_too(scripted, clock):
    """
    A 429 with its Retry-After is played before the reply that followed it.
    """
    scripted.reply(429, {"error": {"message": "slow"}}, headers={"retry-after": "7"}).reply(200, chat_reply("Hello."))
    with asking(RecordingTransport(TAPE, scripted, clock=clock), clock=clock) as client:
        client.ask("Hi")
    replaying = FakeClock()

    with asking(ReplayTransport(TAPE), clock=replaying) as client:
        assert client.ask("Hi").text == "Hello."

    assert replaying.slept == [7.0]


def test_equal_calls_are_answered_in_their_order_and_then_no_more(scripted):
    """
    The error says how often the call was recorded, and how to record anew. It is not retried.
    """
    path = recorded(scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two")), "Hi", "Hi")
    with asking(ReplayTransport(path)) as client:
        assert [client.ask("Hi").text, client.ask("Hi").text] == ["One", "Two"]
        with pytest.raises(ConfigurationError, match="recorded 2 times, and asked for once more") as caught:
            client.ask("Hi")

    assert "BUDWOOD_CASSETTES=record" in str(caught.value)


def test_unmatched_call_shows_how_the_nearest_recording_differs(scripted):
    """
    In a few lines, and without the key.
    """
    scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two"))
    path = recorded(scripted, "What is the weather in Oslo?", "Tell me a joke.")

    with asking(ReplayTransport(path)) as client, pytest.raises(ConfigurationError) as caught:
        client.ask("What is the weather in Rome?")

    said = str(caught.value)
    assert '-   "content": "What is the weather in Oslo?",' in said
    assert '+   "content": "What is the weather in Rome?",' in said
    assert "joke" not in said
    assert KEY not in said
    assert len(said.splitlines()) < 20


def test_bodies_are_compared_as_json(scripted):
    """
    The order of fields and blanks do not count; values do, and so do method, path and query.
    """
    transport = RecordingTransport(TAPE, scripted.reply(200, "found"))
    played(transport, call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/x?p=1&q=2"))

    def finds(sent):
        try:
            return played(ReplayTransport(TAPE), sent) == [b"found"]
        except ConfigurationError:
            return False

    assert finds(call(b'{"b":[1,2],"a":1}', "https://a.example/v1/x?q=2&p=1"))
    assert not finds(call(b'{"b":[2,1],"a":1}', "https://a.example/v1/x?q=2&p=1"))
    assert not finds(call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/x?p=1"))
    assert not finds(call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/y?p=1&q=2"))
    assert not finds(call(b'{"a": 1, "b": [1, 2]}', "https://a.example/v1/x?p=1&q=2", "PUT"))


def test_host_counts_only_where_it_is_wanted(scripted):
    """
    What was recorded at one address may be played for another.
    """
    played(RecordingTransport(TAPE, scripted.reply(200, "found")), call())
    elsewhere = call(url="http://127.0.0.1:8000/v1/x")

    assert played(ReplayTransport(TAPE, match_host=False), elsewhere) == [b"found"]
    with pytest.raises(ConfigurationError, match="no such call"):
        ReplayTransport(TAPE).open(elsewhere, ANY_TIME)


def test_recording_is_played_to_whoever_has_another_key(scripted):
    """
    The key is no part of what is compared, wherever it stands.
    """
    scripted.reply(200, "found")
    key, another = "key-of-the-first-one", "and-another-ones-key"
    for make, one in ((lambda: RecordingTransport(TAPE, scripted), key), (lambda: ReplayTransport(TAPE), another)):
        sent = HTTPCall(
            method="POST", url=f"https://a.example/?key={one}", headers={"x-api-key": one}, body=f"<{one}>".encode()
        )
        assert played(make(), sent) == [b"found"]


def test_strict_order_wants_the_next_recording(scripted):
    """
    A call that comes too soon is told what comes first.
    """
    path = recorded(scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two")), "1", "2")

    with asking(ReplayTransport(path, strict_order=True)) as client:
        with pytest.raises(ConfigurationError, match=r"in the order of the recordings, POST .* comes first"):
            client.ask("2")
        assert [client.ask("1").text, client.ask("2").text] == ["One", "Two"]


def test_recordings_that_nobody_asks_for_can_be_listed(scripted):
    """
    They are what a test no longer needs.
    """
    path = recorded(scripted.reply(200, chat_reply("One")).reply(200, chat_reply("Two")), "1", "2")
    transport = ReplayTransport(path)

    with asking(transport) as client:
        client.ask("2")

    (left,) = transport.unused
    assert b'"1"' in left.call.body
    assert str(left) == "POST https://api.openai.com/v1/chat/completions (200)"
    assert transport.asynchronous.unused == transport.unused


@pytest.mark.parametrize("cut", [1, 7, lambda body: [body[:5], body[5:]]])
def test_bodies_can_be_cut_anew(cut, scripted):
    """
    A program that reads a stream rightly does so however it is cut.
    """
    pieces = sse(*chat_chunks(["One ", "two"]))
    with asking(RecordingTransport(TAPE, scripted.reply(200, chunks=pieces))) as client, client.stream("Hi") as stream:
        list(stream)

    transport = ReplayTransport(TAPE, cut=cut)
    with asking(transport) as client, client.stream("Hi") as stream:
        assert "".join(stream.text_deltas()) == "One two"
    (recording,) = load(TAPE)
    sent = HTTPCall(method="POST", url=recording.call.url, body=recording.call.body)
    cuts = played(ReplayTransport(TAPE, cut=cut), sent)
    assert b"".join(cuts) == b"".join(pieces)
    assert len(cuts[0]) == (cut if isinstance(cut, int) else 5)


def test_cut_of_nothing_is_refused(scripted):
    """
    It would never come to an end.
    """
    path = recorded(scripted.reply(200, chat_reply("One")), "1")

    with pytest.raises(ConfigurationError, match="cut=0 leaves no pieces"):
        ReplayTransport(path, cut=0)


class Slow(ScriptedTransport):
    """
    A script whose pieces take their time.
    """

    def open(self, call, timing):
        exchange = super().open(call, timing)
        read = exchange.read

        def later():
            self.clock.now += 2.5
            return read()

        exchange.read = later
        return exchange


@pytest.mark.parametrize("loop", [False, True], ids=["blocking", "async"])
def test_recorded_times_pass_again(loop, clock):
    """
    With a clock pieces come when they came; a reader with less patience is told.
    """
    slow = Slow().reply(200, chunks=sse(*chat_chunks(["One ", "two"])))
    slow.clock = clock
    recording = RecordingTransport(TAPE, slow, clock=clock, times=True)
    with asking(recording, clock=clock) as client, client.stream("Hi") as stream:
        list(stream)
    transport, again = ReplayTransport(TAPE, clock=clock), ReplayTransport(TAPE, clock=clock)
    clock.slept.clear()

    if loop:
        asyncio.run(stream_async(transport.asynchronous, "Hi", clock=clock))
    else:
        with asking(transport, clock=clock) as client, client.stream("Hi") as stream:
            list(stream)

    assert clock.slept == [2.5] * 5
    with asking(again, clock=clock, retries=0, idle_timeout=2.0) as client, pytest.raises(RequestTimeoutError):
        client.ask("Hi", extra={"stream": True, "stream_options": {"include_usage": True}})
