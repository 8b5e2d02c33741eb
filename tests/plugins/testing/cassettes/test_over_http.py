"""Real traffic is recorded over HTTP, and played when the server is gone."""

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
from budwood_testing.cassettes.tape import load
from tests.chat_server import ChatServer
from tests.plugins.testing.cassettes.recording import ANY_TIME, KEY, TAPE, ask_async, asking, call, played, stream_async
from tests.servers import CHUNKED, EVENT_STREAM, LEAVE, chunk, head, reply, signal


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
