"""Record real HTTP traffic, and replay it without the server."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from budwood.errors import (
    ConnectionFailedError,
    StreamInterruptedError,
)
from budwood_testing import (
    RecordingTransport,
    ReplayTransport,
    cassette,
    cassette_async,
    chat_chunks,
    sse,
)
from budwood_testing.cassettes.cassette_file import load
from tests.chat_server import ChatServer
from tests.plugins.testing.cassettes.recording import (
    ANY_TIME,
    CASSETTE,
    KEY,
    ask_async,
    call,
    create_client,
    read_chunks,
    stream_async,
)
from tests.servers import CHUNKED, EVENT_STREAM, WAIT_FOR_CLOSE, chunk, head, reply, signal


def test_recording_is_replayed_to_both_clients():
    """
    After the server has stopped, both clients get the recorded replies.
    """
    with ChatServer() as server:
        url = server.settings["providers"]["local"]["base_url"]
        with create_client(cassette(CASSETTE), url) as client:
            live = [client.ask("One"), client.ask("Two")]
    with create_client(cassette(CASSETTE), url) as client:
        again = [client.ask("Two"), client.ask("One")]
    later = asyncio.run(ask_async(cassette_async(CASSETTE), "One", url=url))

    assert [reply.text for reply in again] == [live[1].text, live[0].text]
    assert (later.text, later.usage, later.raw) == (live[0].text, live[0].usage, live[0].raw)
    assert len(server.requests) == 2
    assert KEY not in CASSETTE.read_text()


def test_async_recording_is_replayed_to_the_blocking_client():
    """
    Both clients use the same file format.
    """
    with ChatServer() as server:
        url = server.settings["providers"]["local"]["base_url"]
        live = asyncio.run(ask_async(cassette_async(CASSETTE), "One", url=url))
    with create_client(cassette(CASSETTE), url) as client:
        assert client.ask("One").text == live.text
    assert KEY not in CASSETTE.read_text()


@pytest.mark.parametrize("loop", [False, True], ids=["blocking", "async"])
def test_chunks_of_a_stream_are_preserved(loop, loopback_server):
    """
    A replay splits the stream as the network did, even inside a character.
    """
    chunks = chat_chunks(["Gr\u00fc\u00df ", "Gott \U0001f44b"])
    body = b"".join(f"data: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in chunks)
    emoji = body.index("\U0001f44b".encode())
    sent = [body[:30], body[30 : emoji + 2], body[emoji + 2 :]]
    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), *map(chunk, sent), chunk(b""))
    url = f"{loopback_server.url}/v1"

    if loop:
        live = asyncio.run(stream_async(cassette_async(CASSETTE), "Hi", url=url))
    else:
        with create_client(cassette(CASSETTE), url) as client, client.stream("Hi") as stream:
            live = list(stream)
    again = asyncio.run(stream_async(cassette_async(CASSETTE), "Hi", url=url))
    with create_client(cassette(CASSETTE), url) as client, client.stream("Hi") as stream:
        assert list(stream) == again == live

    (recording,) = load(CASSETTE)
    assert b"".join(recording.reply.body) == body


def test_binary_and_compressed_replies_are_recorded(loopback_server):
    """
    Binary bodies are recorded unchanged, and compressed bodies decompressed.
    """
    import gzip

    audio = bytes(range(256)) * 40
    compressed = gzip.compress(b'{"said": "hello"}')
    loopback_server.play(reply(200, audio, content_type="audio/mpeg"))
    loopback_server.play(reply(200, compressed, content_type="application/json", content_encoding="gzip"))
    transport = RecordingTransport(CASSETTE)
    speech, text = call(b"speak", loopback_server.url), call(b"say", loopback_server.url)

    assert b"".join(read_chunks(transport, speech)) == audio
    assert read_chunks(transport, text) == [b'{"said": "hello"}']

    replay = ReplayTransport(CASSETTE)
    assert b"".join(read_chunks(replay, speech)) == audio
    assert read_chunks(replay, text) == [b'{"said": "hello"}']
    assert "content-encoding" not in load(CASSETTE)[1].reply.headers


def test_connections_are_closed_after_each_call(loopback_server):
    """
    A recording transport closes its connections after each call, since nobody closes a cassette.
    """
    loopback_server.play(reply(200, b"1", connection="keep-alive"), keep_alive=True)
    exchange = RecordingTransport(CASSETTE).open(call(url=loopback_server.url), ANY_TIME)

    exchange.read()
    exchange.close()

    assert loopback_server.closed_by_client.wait(60)


def test_blocked_call_can_be_interrupted(loopback_server):
    """
    `interrupt` ends a blocked call of a recording transport.
    """
    requested = threading.Event()
    loopback_server.play(signal(requested), WAIT_FOR_CLOSE)
    transport = RecordingTransport(CASSETTE)

    def ask():
        with pytest.raises(ConnectionFailedError):
            transport.open(call(url=loopback_server.url), ANY_TIME)

    thread = threading.Thread(target=ask)
    thread.start()
    assert requested.wait(60)
    while thread.is_alive():
        transport.interrupt(thread.ident)
        thread.join(0.01)


def test_refused_connection_is_recorded(loopback_server):
    """
    A refused connection is recorded, and the replay raises an equal error.
    """
    url = f"http://127.0.0.1:{loopback_server.port}/v1"
    loopback_server.__exit__()

    with create_client(cassette(CASSETTE), url, retries=0) as client, pytest.raises(ConnectionFailedError) as live:
        client.ask("Hi")
    with create_client(cassette(CASSETTE), url, retries=0) as client, pytest.raises(ConnectionFailedError) as again:
        client.ask("Hi")

    assert (again.value.message, again.value.hint, again.value.retryable) == (
        live.value.message,
        live.value.hint,
        live.value.retryable,
    )


def test_interrupted_stream_is_recorded(loopback_server):
    """
    The replay of an interrupted stream raises the same error after the same chunks.
    """
    chunks = sse(*chat_chunks(["One ", "two"]))
    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), *map(chunk, chunks[:2]))
    url = f"{loopback_server.url}/v1"
    outcomes = []

    for _ in range(2):
        with (
            create_client(cassette(CASSETTE), url, retries=0) as client,
            pytest.raises(StreamInterruptedError) as caught,
            client.stream("Hi") as stream,
        ):
            list(stream)
        outcomes.append((caught.value.response.text, caught.value.message))

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == "One two"
