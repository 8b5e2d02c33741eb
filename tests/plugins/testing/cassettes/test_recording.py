"""What a cassette holds, and when it is recorded."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from budwood import Client
from budwood.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    PromptError,
    RateLimitError,
    RequestTimeoutError,
)
from budwood.types import BodyFile, HTTPCall, Timing
from budwood_testing import (
    AsyncRecordingTransport,
    AsyncReplayTransport,
    RecordingTransport,
    ReplayTransport,
    ScriptedTransport,
    cassette,
    cassette_async,
    chat_reply,
)
from budwood_testing.cassettes.tape import FORMAT, load
from tests.plugins.testing.cassettes.recording import ANY_TIME, KEY, TAPE, ask_async, asking, call, played, recorded


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
    with pytest.raises(ConfigurationError, match="left before the end of the reply"):
        replay.read()


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
