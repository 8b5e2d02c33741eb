"""Recorded traffic of vendors is the same after it is recorded in a cassette and replayed."""

from __future__ import annotations

import random

import pytest

from budwood.types import HTTPCall, HTTPReply, ReplyHead, Timing
from budwood_testing import RecordingTransport, ReplayTransport
from tests.contract import recorded
from tests.contract.replay import REQUEST, decode_to_end, is_stream
from tests.servers import CHUNKED, chunk, head, reply

TIMING = Timing(connect_timeout=5.0, idle_timeout=60.0, deadline=1e8)

FOLDERS = "anthropic azure gemini groq ollama openai-chat openai-media openai-responses".split()


def select_some(predicate, *folders, every):
    """
    Return every n-th recording of each folder.
    """
    found = []
    for folder in folders:
        cases = recorded.list_files(predicate, named=f"{folder}/")
        found += [case for case in cases if case.values[0] is not None][::every]
    return found or [pytest.param(None, id="no-recordings")]


def is_answer(entry):
    """
    Return whether a recorded exchange has a reply.
    """
    return entry["status"] >= 200


def is_chat_at(endpoint):
    """
    Return a function that returns whether an exchange is a chat with a reply.
    """
    return lambda entry: (
        entry["method"] == "POST" and entry["status"] == 200 and recorded.ends_with(entry["url"], endpoint)
    )


@pytest.fixture
def through_cassette(loopback_server, tmp_path):
    """
    Return a function that serves recorded replies, records and replays them, and returns both results.
    """

    def run(interactions):
        path, calls, received = tmp_path / "cassette.json", [], []
        transport = RecordingTransport(path)
        for number, one in enumerate(interactions):
            loopback_server.play(*make_steps(one.response, number))
            calls.append(HTTPCall(method="POST", url=f"{loopback_server.url}/{number}", body=one.request.body))
            received.append(read(transport, calls[-1]))
        replay = ReplayTransport(path)
        replayed = [read(replay, call) for call in calls]
        assert replay.unused == ()
        return received, replayed

    return run


def make_steps(response, seed):
    """
    Return a recorded reply for the server; a stream is split into chunks.
    """
    kind = response.replay_headers.get("content-type", [""])[-1]
    if not is_stream(response) and "ndjson" not in kind:
        return (reply(response.status, response.body, content_type=kind),)
    chance, body, chunks = random.Random(seed), response.body, []
    while body:
        length = chance.choice((3, 64, 1000, 9000))
        chunks.append(chunk(body[:length]))
        body = body[length:]
    return (head(response.status, content_type=kind, **CHUNKED), *chunks, chunk(b""))


def read(transport, call):
    """
    Read the status, the type and the chunks of a reply.
    """
    exchange = transport.open(call, TIMING)
    chunks = list(iter(exchange.read, b""))
    exchange.close()
    return exchange.head.status, exchange.head.headers.get("content-type"), chunks


@pytest.mark.parametrize("file", select_some(is_answer, *FOLDERS, every=9))
def test_replayed_replies_are_equal(file, shared_folder, through_cassette):
    """
    Status, type and every byte are equal, in the same chunks, for streams, lines of JSON, JSON and audio.
    """
    interactions = recorded.read_exchanges(file)

    received, replayed = through_cassette(interactions)

    assert replayed == received
    for (status, _, chunks), one in zip(replayed, interactions, strict=True):
        assert (status, b"".join(chunks)) == (one.response.status, one.response.body)


@pytest.mark.parametrize(
    "file",
    select_some(is_chat_at("/chat/completions"), "openai-chat", "groq", every=9)
    + select_some(is_chat_at("/api/chat"), "ollama", every=3),
)
def test_replayed_chats_are_decoded_equally(file, shared_folder, through_cassette, provider, ollama):
    """
    The events or the response of a replayed chat are those of the recorded bytes.
    """
    reader = ollama() if file.startswith("ollama") else provider(file)
    endpoint = "/api/chat" if file.startswith("ollama") else "/chat/completions"
    chats = [
        one
        for one in recorded.read_exchanges(file)
        if one.request.method == "POST" and one.response.status == 200 and recorded.ends_with(one.request.url, endpoint)
    ]

    _, replayed = through_cassette(chats)

    for (status, kind, chunks), one in zip(replayed, chats, strict=True):
        head = ReplyHead(status, {"content-type": kind})
        if is_stream(one.response) or "ndjson" in kind:
            events = decode_to_end(reader.decoder(REQUEST, head), chunks)
            assert events == decode_to_end(reader.decoder(REQUEST, head), [one.response.body])
        else:
            decoded = reader.decode(REQUEST, HTTPReply(head, b"".join(chunks)))
            assert decoded == reader.decode(REQUEST, HTTPReply(head, one.response.body))
