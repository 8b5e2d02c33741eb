"""Real traffic is recorded over HTTP, and played when the server is gone."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest

from budwood import AsyncClient, Client
from budwood.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    PromptError,
    RateLimitError,
    RequestTimeoutError,
    StreamInterruptedError,
)
from budwood.types import BodyFile, HTTPCall, Timing
from budwood_testing import (
    AsyncRecordingTransport,
    AsyncReplayTransport,
    FakeClock,
    RecordingTransport,
    ReplayTransport,
    ScriptedTransport,
    cassette,
    cassette_async,
    chat_chunks,
    chat_reply,
    sse,
)
from budwood_testing.cassettes.tape import FORMAT, load
from tests.chat_server import ChatServer
from tests.servers import CHUNKED, EVENT_STREAM, LEAVE, chunk, head, reply, signal

KEY = "sk-test-0123456789"
TAPE = Path("cassettes/ask.json")
ANY_TIME = Timing(connect_timeout=5.0, idle_timeout=60.0, deadline=1e8)


def asking(transport, url="https://api.openai.com/v1", **options):
    """
    Make a client with a key.
    """
    return Client("openai/gpt-4o", api_key=KEY, base_url=url, transport=transport, cache=False, **options)


def asking_async(transport, url="https://api.openai.com/v1", **options):
    """
    Make an async client with a key.
    """
    return AsyncClient("openai/gpt-4o", api_key=KEY, base_url=url, transport=transport, cache=False, **options)


def recorded(scripted, *prompts, path=TAPE, **options):
    """
    Record asking a scripted transport.
    """
    with asking(RecordingTransport(path, scripted, **options), retries=0) as client:
        for prompt in prompts:
            client.ask(prompt)
    return path


async def ask_async(transport, prompt, **options):
    """
    Ask once, in a loop of its own.
    """
    async with asking_async(transport, **options) as client:
        return await client.ask(prompt)


async def stream_async(transport, prompt, **options):
    """
    Read a stream, in a loop of its own.
    """
    async with asking_async(transport, **options) as client, client.stream(prompt) as stream:
        return [event async for event in stream]


def call(body=b"", url="https://a.example/v1/x", method="POST"):
    """
    Make a call of no vendor's.
    """
    return HTTPCall(method=method, url=url, body=body)


def played(transport, sent):
    """
    Read what a transport answers, piece by piece.
    """
    exchange = transport.open(sent, ANY_TIME)
    pieces = list(iter(exchange.read, b""))
    exchange.close()
    return pieces


# Over real HTTP.


def test_server_that_is_gone_is_played_to_both_clients():
    """
    What was recorded over HTTP answers alike, sync and async, once nobody listens any more.
    """
    with ChatServer() as server:
        url = server.settings["providers"]["local"]["base_url"]
        with asking(cassette(TAPE), url) as client:
            live = [client.ask("One"), client.ask("Two")]
    with asking(cassette(TAPE), url) as client:
        again = [client.ask("Two"), client.ask("One")]
    later = asyncio.run(ask_async(cassette_async(TAPE), "One", url=url))

    assert [reply.text for reply in again] == [live[1].text, live[0].text]
    assert (later.text, later.usage, later.raw) == (live[0].text, live[0].usage, live[0].raw)
    assert len(server.requests) == 2
    assert KEY not in TAPE.read_text()


def test_async_recording_is_played_to_the_blocking_client():
    """
    Both read and write the same files.
    """
    with ChatServer() as server:
        url = server.settings["providers"]["local"]["base_url"]
        live = asyncio.run(ask_async(cassette_async(TAPE), "One", url=url))
    with asking(cassette(TAPE), url) as client:
        assert client.ask("One").text == live.text
    assert KEY not in TAPE.read_text()


@pytest.mark.parametrize("loop", [False, True], ids=["blocking", "async"])
def test_stream_over_http_keeps_its_pieces(loop, loopback_server):
    """
    A replay cuts the stream where the network had cut it, in the middle of a character too.
    """
    chunks = chat_chunks(["Gr\u00fc\u00df ", "Gott \U0001f44b"])
    body = b"".join(f"data: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in chunks)
    emoji = body.index("\U0001f44b".encode())
    sent = [body[:30], body[30 : emoji + 2], body[emoji + 2 :]]
    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), *map(chunk, sent), chunk(b""))
    url = f"{loopback_server.url}/v1"

    if loop:
        live = asyncio.run(stream_async(cassette_async(TAPE), "Hi", url=url))
    else:
        with asking(cassette(TAPE), url) as client, client.stream("Hi") as stream:
            live = list(stream)
    again = asyncio.run(stream_async(cassette_async(TAPE), "Hi", url=url))
    with asking(cassette(TAPE), url) as client, client.stream("Hi") as stream:
        assert list(stream) == again == live

    (recording,) = load(TAPE)
    assert b"".join(recording.reply.body) == body


def test_binary_and_compressed_replies_are_kept_as_they_are_meant(loopback_server):
    """
    Bytes that are no text, and a body that was packed on its way.
    """
    import gzip

    audio = bytes(range(256)) * 40
    packed = gzip.compress(b'{"said": "hello"}')
    loopback_server.play(reply(200, audio, content_type="audio/mpeg"))
    loopback_server.play(reply(200, packed, content_type="application/json", content_encoding="gzip"))
    transport = RecordingTransport(TAPE)
    speech, text = call(b"speak", loopback_server.url), call(b"say", loopback_server.url)

    assert b"".join(played(transport, speech)) == audio
    assert played(transport, text) == [b'{"said": "hello"}']

    replay = ReplayTransport(TAPE)
    assert b"".join(played(replay, speech)) == audio
    assert played(replay, text) == [b'{"said": "hello"}']
    assert "content-encoding" not in load(TAPE)[1].reply.headers


def test_connections_end_with_their_calls(loopback_server):
    """
    Nobody closes a cassette, so nothing may stay open: an unclosed socket would be a warning, which is an error here.
    """
    loopback_server.play(reply(200, b"1", connection="keep-alive"), keep=True)
    exchange = RecordingTransport(TAPE).open(call(url=loopback_server.url), ANY_TIME)

    exchange.read()
    exchange.close()

    assert loopback_server.left.wait(60)


def test_waiting_call_can_be_interrupted(loopback_server):
    """
    A recording stands in nobody's way: who is abandoned does not wait for the server.
    """
    asked = threading.Event()
    loopback_server.play(signal(asked), LEAVE)
    transport = RecordingTransport(TAPE)

    def ask():
        with pytest.raises(ConnectionFailedError):
            transport.open(call(url=loopback_server.url), ANY_TIME)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(60)
    while thread.is_alive():
        transport.interrupt(thread.ident)
        thread.join(0.01)


def test_refused_connection_is_recorded_as_one(loopback_server):
    """
    And raised again by the replay, as retryable as it was.
    """
    url = f"http://127.0.0.1:{loopback_server.port}/v1"
    loopback_server.__exit__()

    with asking(cassette(TAPE), url, retries=0) as client, pytest.raises(ConnectionFailedError) as live:
        client.ask("Hi")
    with asking(cassette(TAPE), url, retries=0) as client, pytest.raises(ConnectionFailedError) as again:
        client.ask("Hi")

    assert (again.value.message, again.value.hint, again.value.retryable) == (
        live.value.message,
        live.value.hint,
        live.value.retryable,
    )


def test_stream_that_broke_breaks_again(loopback_server):
    """
    After the same pieces, and with what had arrived.
    """
    pieces = sse(*chat_chunks(["One ", "two"]))
    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), *map(chunk, pieces[:2]))
    url = f"{loopback_server.url}/v1"
    said = []

    for _ in range(2):
        with (
            asking(cassette(TAPE), url, retries=0) as client,
            pytest.raises(StreamInterruptedError) as caught,
            client.stream("Hi") as stream,
        ):
            list(stream)
        said.append((caught.value.response.text, caught.value.message))

    assert said[0] == said[1]
    assert said[0][0] == "One two"


# What is written.


def test_cassette_can_be_read_by_people(scripted):
    """
    JSON, with bodies as the text that they are.
    """
    scripted.reply(
        200, '{"id":  "x", "choices": [{"message": {"content": "Gr\u00fc\u00df"}}]}', headers={"x-request-id": "r1"}
    )
    recorded(scripted, "Hi", times=True)

    written = json.loads(TAPE.read_text("utf-8"))

    (recording,) = written["recordings"]
    assert written["format"] == FORMAT
    assert recording["call"]["method"] == "POST"
    assert recording["call"]["url"] == "https://api.openai.com/v1/chat/completions"
    assert json.loads(recording["call"]["body"])["messages"][0]["content"] == "Hi"
    assert recording["reply"]["body"] == ['{"id":  "x", "choices": [{"message": {"content": "Gr\u00fc\u00df"}}]}']
    assert recording["reply"]["headers"] == {"x-request-id": "r1"}
    assert len(recording["reply"]["seconds"]) == 1


def test_key_reaches_no_file_even_for_a_moment(scripted, monkeypatch):
    """
    Of all that is written on the way, nothing holds it, though the prompt, the reply and an error repeat it.
    """
    written = []
    real = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda *a, **k: Spy(real(*a, **k), written))
    scripted.reply(200, chat_reply(f"You said {KEY}"))
    scripted.reply(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    scripted.fail(ConnectionFailedError(f"The proxy did not like {KEY}."))
    with asking(RecordingTransport(TAPE, scripted), retries=0) as client:
        client.ask(f"My key is {KEY}")
        with pytest.raises(AuthenticationError):
            client.ask("Two")
        with pytest.raises(ConnectionFailedError):
            client.ask("Three")

    assert len(written) == 3
    assert KEY not in "".join(written)
    assert list(TAPE.parent.iterdir()) == [TAPE]
    with asking(ReplayTransport(TAPE), retries=0) as client:
        assert client.ask(f"My key is {KEY}").text == "You said [redacted]"


class Spy:
    """
    A file that tells what is written into it.
    """

    def __init__(self, file, written):
        self.file = file
        self.written = written

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *error):
        return self.file.__exit__(*error)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, text):
        self.written.append(text)
        return self.file.write(text)


def test_key_of_a_later_call_is_taken_out_of_earlier_ones(scripted):
    """
    A first reply may hold what turns out to be the second call's credential.
    """
    scripted.reply(200, chat_reply("Your key is tick-et-0001.")).reply(200, chat_reply("Hello."))
    transport = RecordingTransport(TAPE, scripted)
    for key in (KEY, "tick-et-0001"):
        with Client("openai/gpt-4o", api_key=key, transport=transport, cache=False) as client:
            client.ask("Hi")

    assert "tick-et-0001" not in TAPE.read_text()


def test_key_that_the_network_cut_in_two_does_not_end_the_reply(scripted):
    """
    A piece that was a secret's and nothing else is left out, and what follows is played.
    """
    sent = HTTPCall(method="GET", url="https://a.example/", headers={"x-api-key": KEY})
    scripted.reply(200, chunks=[b"<", KEY[:9].encode(), KEY[9:12].encode(), KEY[12:].encode() + b">", b"end"])

    played(RecordingTransport(TAPE, scripted), sent)

    assert len(load(TAPE)[0].reply.body) == 5
    assert played(ReplayTransport(TAPE), sent) == [b"<", b"[redacted]", b">", b"end"]


def test_cookies_and_organisations_of_a_reply_are_taken_out_of_its_body(scripted):
    """
    And of what comes after it.
    """
    headers = {"set-cookie": "cf=0123456789abcdef; path=/", "openai-organization": "acme-research"}
    scripted.reply(200, "acme-research", headers=headers).reply(200, "0123456789abcdef")
    transport = RecordingTransport(TAPE, scripted)

    played(transport, call(b"1"))
    played(transport, call(b"2"))

    assert [one.reply.body for one in load(TAPE)] == [(b"[redacted]",)] * 2
    assert load(TAPE)[0].reply.headers == dict.fromkeys(headers, "[redacted]")


def test_cassette_is_whole_after_each_call(scripted):
    """
    Whoever crashes keeps what was recorded before.
    """
    transport = RecordingTransport(TAPE, scripted.reply(200, "one").reply(200, "two").reply(200, "three"))

    played(transport, call(b"1"))
    assert len(load(TAPE)) == 1
    transport.open(call(b"2"), ANY_TIME)  # never read to its end
    played(transport, call(b"3"))

    assert [one.call.body for one in load(TAPE)] == [b"1", b"3"]


def test_recordings_stand_in_the_order_in_which_calls_were_sent(scripted):
    """
    However their replies come in.
    """
    transport = RecordingTransport(TAPE, scripted.reply(200, "one").reply(200, "two"))
    first, second = transport.open(call(b"1"), ANY_TIME), transport.open(call(b"2"), ANY_TIME)

    for exchange in (second, first):
        exchange.read_all(100)
        exchange.close()

    assert [one.call.body for one in load(TAPE)] == [b"1", b"2"]


def test_cassette_that_cannot_be_written_is_an_error(scripted, tmp_path):
    """
    One that names the file and says what to do.
    """
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"ask\.json cannot be written: .* Name a file in a folder"):
        played(RecordingTransport(tmp_path / "file" / "ask.json", scripted.reply(200, "one")), call())


@pytest.mark.parametrize("content", ["", "{", '{"format": "vcr", "recordings": []}', '{"recordings": []}', "[]", None])
def test_cassette_that_is_torn_or_another_file_is_an_error(content):
    """
    Whoever lost half a file is told which, and how to get it back.
    """
    path = Path("ask.json")
    if content is None:
        whole = recorded(ScriptedTransport().reply(200, chat_reply("Hello.")), "Hi").read_text("utf-8")
        content = whole[: len(whole) // 2]
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"ask\.json is no whole cassette: .*delete it and record anew"):
        ReplayTransport(path)


def test_stream_that_was_left_is_played_as_far_as_it_was_read(scripted):
    """
    Who reads on learns why there is no more.
    """
    transport = RecordingTransport(TAPE, scripted.reply(200, chunks=[b"one", b"two"]))
    exchange = transport.open(call(), ANY_TIME)
    exchange.read()
    exchange.close()

    replay = ReplayTransport(TAPE).open(call(), ANY_TIME)
    assert replay.read() == b"one"
    with pytest.raises(ConfigurationError, match="left before the reply's end"):
        replay.read()


# What is played.


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


# The one line for tests.


def test_auto_records_once_and_replays_from_then_on(scripted):
    """
    Where there is a file nothing is sent.
    """
    assert isinstance(cassette(TAPE), RecordingTransport)
    assert isinstance(cassette_async(TAPE), AsyncRecordingTransport)

    recorded(scripted.reply(200, chat_reply("One")), "1")

    assert isinstance(cassette(TAPE), ReplayTransport)
    assert isinstance(cassette_async(str(TAPE)), AsyncReplayTransport)


def test_environment_switches_all_cassettes(scripted, monkeypatch):
    """
    But for those that are told in the program.
    """
    recorded(scripted.reply(200, chat_reply("One")), "1")
    monkeypatch.setenv("BUDWOOD_CASSETTES", "record")

    assert isinstance(cassette(TAPE), RecordingTransport)
    assert isinstance(cassette(TAPE, "replay"), ReplayTransport)


def test_replay_never_records(monkeypatch):
    """
    Where there is no file, that is the error.
    """
    monkeypatch.setenv("BUDWOOD_CASSETTES", "replay")

    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        cassette(TAPE)


def test_unknown_mode_is_refused(monkeypatch):
    """
    The error says where it stands.
    """
    with pytest.raises(ConfigurationError, match="mode=always is no mode"):
        cassette(TAPE, "always")
    monkeypatch.setenv("BUDWOOD_CASSETTES", "once")
    with pytest.raises(ConfigurationError, match="BUDWOOD_CASSETTES=once is no mode"):
        cassette_async(TAPE)


def test_failures_of_async_calls_are_recorded(scripted):
    """
    Before the head and after it.
    """
    scripted.fail(RequestTimeoutError("late", phase="connect")).reply(429, b"slow")
    transport = AsyncRecordingTransport(TAPE, scripted.asynchronous)

    with pytest.raises(RequestTimeoutError):
        asyncio.run(ask_async(transport, "1", retries=0))
    with pytest.raises(RateLimitError):
        asyncio.run(ask_async(transport, "2", retries=0))

    with asking(ReplayTransport(TAPE), retries=0) as client:
        with pytest.raises(RequestTimeoutError) as caught:
            client.ask("1")
        with pytest.raises(RateLimitError):
            client.ask("2")
    assert caught.value.phase == "connect"


def test_many_threads_record_one_cassette(scripted):
    """
    Each call has its recording.
    """
    for number in range(20):
        scripted.reply(200, chat_reply(f"Reply {number}"))
    with asking(RecordingTransport(TAPE, scripted)) as client:
        live = client.ask_many([f"Prompt {number}" for number in range(20)], concurrency=8)
    with asking(ReplayTransport(TAPE)) as client:
        again = client.ask_many([f"Prompt {number}" for number in range(20)], concurrency=8)

    assert [one.text for one in again] == [one.text for one in live]


def test_files_are_recorded_by_their_digest(tmp_path):
    """
    A form with files is recorded without their content, and recognised by another process, which has another boundary.
    """
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"pixels")

    def sent(boundary):
        body = (b"--%s\r\n\r\n" % boundary, BodyFile(photo), b"\r\n--%s--\r\n" % boundary)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
        return HTTPCall(method="POST", url="http://x/v1", headers=headers, body=body)

    bounds = Timing(connect_timeout=1, idle_timeout=1, deadline=1e9)
    script = ScriptedTransport().reply(body=b"seen")
    recording = RecordingTransport(tmp_path / "c.json", script)
    recording.open(sent(b"first-boundary"), bounds).close()
    assert script.bodies[0].count(b"pixels") == 1
    text = (tmp_path / "c.json").read_text("utf-8")
    assert "file of 6 bytes, sha256 " in text
    assert "pixels" not in text
    assert "first-boundary" not in text

    replay = ReplayTransport(tmp_path / "c.json")
    assert replay.open(sent(b"second-boundary"), bounds).head.status == 200
    photo.unlink()
    with pytest.raises(PromptError, match=r"photo\.png"):
        replay.open(sent(b"third-boundary"), bounds)
