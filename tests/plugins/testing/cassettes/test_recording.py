"""Recording: the content of cassettes, and when they are written."""

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
from budwood_testing.cassettes.cassette_file import FORMAT, load
from tests.plugins.testing.cassettes.recording import (
    ANY_TIME,
    CASSETTE,
    KEY,
    ask_async,
    call,
    create_client,
    read_chunks,
    record,
)


def test_cassette_is_readable_json(scripted):
    """
    A cassette is JSON with bodies as text.
    """
    scripted.reply(
        200, '{"id":  "x", "choices": [{"message": {"content": "Gr\u00fc\u00df"}}]}', headers={"x-request-id": "r1"}
    )
    record(scripted, "Hi", times=True)

    content = json.loads(CASSETTE.read_text("utf-8"))

    (recording,) = content["recordings"]
    assert content["format"] == FORMAT
    assert recording["call"]["method"] == "POST"
    assert recording["call"]["url"] == "https://api.openai.com/v1/chat/completions"
    assert json.loads(recording["call"]["body"])["messages"][0]["content"] == "Hi"
    assert recording["reply"]["body"] == ['{"id":  "x", "choices": [{"message": {"content": "Gr\u00fc\u00df"}}]}']
    assert recording["reply"]["headers"] == {"x-request-id": "r1"}
    assert len(recording["reply"]["seconds"]) == 1


def test_key_is_never_written(scripted, monkeypatch):
    """
    No write contains the key, even if prompt, reply and errors do.
    """
    writes = []
    real = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda *a, **k: FileSpy(real(*a, **k), writes))
    scripted.reply(200, chat_reply(f"You said {KEY}"))
    scripted.reply(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    scripted.fail(ConnectionFailedError(f"The proxy did not like {KEY}."))
    with create_client(RecordingTransport(CASSETTE, scripted), retries=0) as client:
        client.ask(f"My key is {KEY}")
        with pytest.raises(AuthenticationError):
            client.ask("Two")
        with pytest.raises(ConnectionFailedError):
            client.ask("Three")

    assert len(writes) == 3
    assert KEY not in "".join(writes)
    assert list(CASSETTE.parent.iterdir()) == [CASSETTE]
    with create_client(ReplayTransport(CASSETTE), retries=0) as client:
        assert client.ask(f"My key is {KEY}").text == "You said [redacted]"


class FileSpy:
    """
    A file that records what is written to it.
    """

    def __init__(self, file, writes):
        self.file = file
        self.writes = writes

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *error):
        return self.file.__exit__(*error)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        self.writes.append(content if isinstance(content, str) else content.decode())
        return self.file.write(content)

    def writelines(self, parts):
        for part in parts:
            self.write(part)


def test_key_of_a_later_call_is_removed_from_earlier_ones(scripted):
    """
    If a reply contains the credential of a later call, it is removed.
    """
    scripted.reply(200, chat_reply("Your key is tick-et-0001.")).reply(200, chat_reply("Hello."))
    transport = RecordingTransport(CASSETTE, scripted)
    for key in (KEY, "tick-et-0001"):
        with Client("openai/gpt-4o", api_key=key, transport=transport, cache=False) as client:
            client.ask("Hi")

    assert "tick-et-0001" not in CASSETTE.read_text()


def test_key_split_over_chunks_does_not_end_the_reply(scripted):
    """
    A chunk that consists of a part of a secret is skipped in the replay, and does not end it.
    """
    sent = HTTPCall(method="GET", url="https://a.example/", headers={"x-api-key": KEY})
    scripted.reply(200, chunks=[b"<", KEY[:9].encode(), KEY[9:12].encode(), KEY[12:].encode() + b">", b"end"])

    read_chunks(RecordingTransport(CASSETTE, scripted), sent)

    assert len(load(CASSETTE)[0].reply.body) == 5
    assert read_chunks(ReplayTransport(CASSETTE), sent) == [b"<", b"[redacted]", b">", b"end"]


def test_cookies_and_organisations_are_removed_from_bodies(scripted):
    """
    Cookies and organisation names in reply headers are removed from this and later bodies.
    """
    headers = {"set-cookie": "cf=0123456789abcdef; path=/", "openai-organization": "acme-research"}
    scripted.reply(200, "acme-research", headers=headers).reply(200, "0123456789abcdef")
    transport = RecordingTransport(CASSETTE, scripted)

    read_chunks(transport, call(b"1"))
    read_chunks(transport, call(b"2"))

    assert [one.reply.body for one in load(CASSETTE)] == [(b"[redacted]",)] * 2
    assert load(CASSETTE)[0].reply.headers == dict.fromkeys(headers, "[redacted]")


def test_cassette_is_complete_after_each_call(scripted):
    """
    After a crash, the cassette has all earlier recordings.
    """
    transport = RecordingTransport(CASSETTE, scripted.reply(200, "one").reply(200, "two").reply(200, "three"))

    read_chunks(transport, call(b"1"))
    assert len(load(CASSETTE)) == 1
    transport.open(call(b"2"), ANY_TIME)  # not read to its end
    read_chunks(transport, call(b"3"))

    assert [one.call.body for one in load(CASSETTE)] == [b"1", b"3"]


def test_recordings_have_the_order_of_the_calls(scripted):
    """
    Recordings have the order in which calls were sent, not that of the replies.
    """
    transport = RecordingTransport(CASSETTE, scripted.reply(200, "one").reply(200, "two"))
    first, second = transport.open(call(b"1"), ANY_TIME), transport.open(call(b"2"), ANY_TIME)

    for exchange in (second, first):
        exchange.read_all(100)
        exchange.close()

    assert [one.call.body for one in load(CASSETTE)] == [b"1", b"2"]


def test_unwritable_cassette_is_an_error(scripted, tmp_path):
    """
    The error names the file and has a hint.
    """
    (tmp_path / "file").write_text("")

    with pytest.raises(
        ConfigurationError, match=r"Cannot write the cassette .*ask\.json: .* Use a path in a writable folder"
    ):
        read_chunks(RecordingTransport(tmp_path / "file" / "ask.json", scripted.reply(200, "one")), call())


@pytest.mark.parametrize("content", ["", "{", '{"format": "vcr", "recordings": []}', '{"recordings": []}', "[]", None])
def test_invalid_cassette_is_an_error(content):
    """
    A truncated file or another file format raises an error that names the file, with a hint.
    """
    path = Path("ask.json")
    if content is None:
        text = record(ScriptedTransport().reply(200, chat_reply("Hello.")), "Hi").read_text("utf-8")
        content = text[: len(text) // 2]
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"Invalid cassette ask\.json: .*delete it and record again"):
        ReplayTransport(path)


def test_incomplete_reply_is_replayed_as_far_as_it_was_read(scripted):
    """
    Reading beyond the recorded part of a reply raises an error.
    """
    transport = RecordingTransport(CASSETTE, scripted.reply(200, chunks=[b"one", b"two"]))
    exchange = transport.open(call(), ANY_TIME)
    exchange.read()
    exchange.close()

    replay = ReplayTransport(CASSETTE).open(call(), ANY_TIME)
    assert replay.read() == b"one"
    with pytest.raises(ConfigurationError, match="closed the reply before its end"):
        replay.read()


def test_auto_mode_records_once_and_then_replays(scripted):
    """
    In mode ``auto`` nothing is sent if the file exists.
    """
    assert isinstance(cassette(CASSETTE), RecordingTransport)
    assert isinstance(cassette_async(CASSETTE), AsyncRecordingTransport)

    record(scripted.reply(200, chat_reply("One")), "1")

    assert isinstance(cassette(CASSETTE), ReplayTransport)
    assert isinstance(cassette_async(str(CASSETTE)), AsyncReplayTransport)


def test_environment_sets_the_default_mode(scripted, monkeypatch):
    """
    The environment variable sets the mode, unless the program passes one.
    """
    record(scripted.reply(200, chat_reply("One")), "1")
    monkeypatch.setenv("BUDWOOD_CASSETTES", "record")

    assert isinstance(cassette(CASSETTE), RecordingTransport)
    assert isinstance(cassette(CASSETTE, "replay"), ReplayTransport)


def test_replay_mode_requires_the_file(monkeypatch):
    """
    In mode ``replay`` a missing file is an error.
    """
    monkeypatch.setenv("BUDWOOD_CASSETTES", "replay")

    with pytest.raises(ConfigurationError, match=r"Cannot read the cassette .*: No such file"):
        cassette(CASSETTE)


def test_unknown_mode_is_rejected(monkeypatch):
    """
    The error names the argument or the environment variable.
    """
    with pytest.raises(ConfigurationError, match="Invalid mode: mode=always"):
        cassette(CASSETTE, "always")
    monkeypatch.setenv("BUDWOOD_CASSETTES", "once")
    with pytest.raises(ConfigurationError, match="Invalid mode: BUDWOOD_CASSETTES=once"):
        cassette_async(CASSETTE)


def test_failures_of_async_calls_are_recorded(scripted):
    """
    Failures of async calls are recorded, with and without a reply.
    """
    scripted.fail(RequestTimeoutError("late", phase="connect")).reply(429, b"slow")
    transport = AsyncRecordingTransport(CASSETTE, scripted.asynchronous)

    with pytest.raises(RequestTimeoutError):
        asyncio.run(ask_async(transport, "1", retries=0))
    with pytest.raises(RateLimitError):
        asyncio.run(ask_async(transport, "2", retries=0))

    with create_client(ReplayTransport(CASSETTE), retries=0) as client:
        with pytest.raises(RequestTimeoutError) as caught:
            client.ask("1")
        with pytest.raises(RateLimitError):
            client.ask("2")
    assert caught.value.phase == "connect"


def test_threads_can_share_a_cassette(scripted):
    """
    Concurrent calls are all recorded.
    """
    for number in range(20):
        scripted.reply(200, chat_reply(f"Reply {number}"))
    with create_client(RecordingTransport(CASSETTE, scripted)) as client:
        live = client.ask_many([f"Prompt {number}" for number in range(20)], concurrency=8).in_order()
    with create_client(ReplayTransport(CASSETTE)) as client:
        again = client.ask_many([f"Prompt {number}" for number in range(20)], concurrency=8).in_order()

    assert [one.text for one in again] == [one.text for one in live]


def test_files_are_recorded_by_their_digest(tmp_path):
    """
    A form with files is recorded without their content, and matches calls with another boundary.
    """
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"pixels")

    def sent(boundary):
        body = (b"--%s\r\n\r\n" % boundary, BodyFile(photo), b"\r\n--%s--\r\n" % boundary)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
        return HTTPCall(method="POST", url="http://x/v1", headers=headers, body=body)

    limits = Timing(connect_timeout=1, idle_timeout=1, deadline=1e9)
    script = ScriptedTransport().reply(body=b"seen")
    recording = RecordingTransport(tmp_path / "c.json", script)
    recording.open(sent(b"first-boundary"), limits).close()
    assert script.bodies[0].count(b"pixels") == 1
    text = (tmp_path / "c.json").read_text("utf-8")
    assert "file of 6 bytes, sha256 " in text
    assert "pixels" not in text
    assert "first-boundary" not in text

    replay = ReplayTransport(tmp_path / "c.json")
    assert replay.open(sent(b"second-boundary"), limits).head.status == 200
    photo.unlink()
    with pytest.raises(PromptError, match=r"photo\.png"):
        replay.open(sent(b"third-boundary"), limits)
