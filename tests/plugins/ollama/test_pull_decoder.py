from __future__ import annotations

import asyncio
import json
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import AsyncClient, Client
from budwood.errors import (
    BadResponseError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    ServerError,
    StreamInterruptedError,
    UnsupportedError,
)
from budwood.types import PullProgress
from budwood_ollama.errors import make_error_in_success
from budwood_ollama.pull_decoder import PullDecoder
from tests.servers import WAIT_FOR_CLOSE, head, signal

LAYER = "sha256:6a0746a1ec1a"
RECORDS = [
    {"status": "pulling manifest"},
    {"status": "pulling 6a0746a1ec1a", "digest": LAYER, "total": 4000},
    {"status": "pulling 6a0746a1ec1a", "digest": LAYER, "total": 4000, "completed": 1500},
    {"status": "pulling 6a0746a1ec1a", "digest": LAYER, "total": 4000, "completed": 4000},
    {"status": "verifying sha256 digest"},
    {"status": "success"},
]
STEPS = [
    PullProgress("pulling manifest"),
    PullProgress("pulling 6a0746a1ec1a", LAYER, 0, 4000),
    PullProgress("pulling 6a0746a1ec1a", LAYER, 1500, 4000),
    PullProgress("pulling 6a0746a1ec1a", LAYER, 4000, 4000),
    PullProgress("verifying sha256 digest"),
    PullProgress("success"),
]


def encode_lines(*records):
    """
    Encode records as the server sends them, one per line.
    """
    return [json.dumps(record).encode() + b"\n" for record in records]


def test_a_pull_reports_progress(make_client, scripted):
    """
    Each line is a record; with a size but no count, nothing was downloaded yet.
    """
    scripted.reply(chunks=encode_lines(*RECORDS))

    with make_client() as client, client.pull("ollama/llama3.2") as steps:
        assert list(steps) == STEPS

    assert scripted.calls[0].url.endswith("/api/pull")
    assert scripted.sent() == {"model": "llama3.2", "stream": True}


def test_an_async_client_pulls_as_well(scripted, clock):
    """
    It yields the same records.
    """
    scripted.reply(chunks=encode_lines(*RECORDS))

    async def pull():
        client = AsyncClient("ollama/llama3.2", transport=scripted.asynchronous, clock=clock, cache=False)
        async with client, client.pull() as steps:
            return [step async for step in steps]

    assert asyncio.run(pull()) == STEPS


def test_a_pull_may_take_long(make_client, scripted, clock):
    """
    By default a day, with ten minutes between two lines, whatever the limits of other calls.
    """
    scripted.reply(chunks=encode_lines(*RECORDS)).reply(chunks=encode_lines(*RECORDS))
    now = clock.monotonic()

    with make_client(timeout=5, idle_timeout=5) as client:
        list(client.pull())
        list(client.pull(timeout=50, idle_timeout=40))

        with pytest.raises(ConfigurationError, match="idle_timeout"):
            list(client.pull(idle_timeout=0))

    assert [(timing.deadline - now, timing.idle_timeout) for timing in scripted.timings] == [(86400, 600), (50, 40)]


def test_a_pull_of_any_length_is_read(make_client, scripted):
    """
    The size limit of replies does not apply, since lines are not stored.
    """
    line = encode_lines({"status": "pulling", "digest": LAYER, "total": 9, "completed": 1})[0]
    chunk = line * (1024 * 1024 // len(line))
    scripted.reply(chunks=[chunk] * 70 + encode_lines({"status": "success"}))

    with make_client() as client, client.pull() as steps:
        last = [step for step in steps if step.digest is None]

    assert last == [PullProgress("success")]


def test_a_broken_connection_is_resumed(make_client, scripted):
    """
    The same request is sent again, also after records were received.
    """
    scripted.reply(chunks=encode_lines(*RECORDS[:3]), failure=ConnectionFailedError("It broke."))
    scripted.reply(chunks=encode_lines(*RECORDS[2:]))

    with make_client(retries=1) as client, client.pull() as steps:
        assert list(steps) == STEPS[:3] + STEPS[2:]

    assert len(scripted.calls) == 2


@pytest.mark.parametrize(
    ("payload", "error", "hint"),
    [
        ("pull model manifest: file does not exist", NotFoundError, "library"),
        ("pull model manifest: 412: a newer version of Ollama is required", InvalidRequestError, None),
        ("max retries exceeded: EOF", ServerError, None),
    ],
)
def test_an_error_inside_a_pull_is_an_error(make_client, scripted, payload, error, hint):
    """
    A line with an error raises it, after the records before it.
    """
    scripted.reply(chunks=[b"".join(encode_lines(RECORDS[0], {"error": payload}))])
    seen = []

    with make_client() as client, pytest.raises(error) as caught:
        seen.extend(client.pull("ollama/nobody"))

    assert seen == STEPS[:1]
    assert payload in caught.value.message
    assert hint is None or hint in caught.value.hint


def test_a_name_that_the_server_rejects_is_an_error(make_client, scripted):
    """
    A reply that is not 2xx raises the provider's error.
    """
    scripted.reply(400, {"error": "invalid model name"})

    with make_client() as client, pytest.raises(InvalidRequestError, match="invalid model name"):
        list(client.pull("ollama/no:such:name"))


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"", StreamInterruptedError), (b'{"status":"x"}\n', StreamInterruptedError), (b"<html>\n", BadResponseError)],
)
def test_a_pull_without_success_is_an_error(make_client, scripted, body, error):
    """
    A connection that ends early, or a reply in another form.
    """
    scripted.reply(chunks=[body])

    with make_client() as client, pytest.raises(error):
        list(client.pull())


def test_other_providers_cannot_pull(make_client, scripted):
    """
    Vendors without such an endpoint, and local models, raise an error before sending.
    """
    with make_client() as client:
        for model in ("openrouter/x", "offline/extractive"):
            with pytest.raises(UnsupportedError, match="does not support downloading models"):
                list(client.pull(model))

    assert scripted.calls == []


def test_a_missing_server_has_a_hint(loopback_server):
    """
    The hint is how to start Ollama.
    """
    url = loopback_server.url
    loopback_server.__exit__()

    with Client("ollama/x", base_url=url, retries=0) as client, pytest.raises(ConnectionFailedError) as caught:
        list(client.pull())

    assert "Start it with `ollama serve`" in caught.value.hint


def test_leaving_a_pull_closes_its_connection(loopback_server):
    """
    By `break`, during the reply.
    """
    loopback_server.play(head(), encode_lines(RECORDS[0])[0], WAIT_FOR_CLOSE)

    with Client("ollama/x", base_url=loopback_server.url) as client:
        with client.pull() as steps:
            for step in steps:
                assert step == STEPS[0]
                break
        assert loopback_server.closed_by_client.wait(60)


def test_progress_is_reported_immediately(loopback_server):
    """
    A record is returned as soon as its line arrives.
    """
    seen, sent = threading.Event(), threading.Event()
    loopback_server.play(head(), encode_lines(RECORDS[0])[0], signal(sent), seen, *encode_lines(*RECORDS[1:]))

    with Client("ollama/x", base_url=loopback_server.url) as client, client.pull() as steps:
        first = next(iter(steps))
        seen.set()
        assert [first, *steps] == STEPS


@given(splits=st.lists(st.integers(0, 400), max_size=12))
def test_any_split_gives_the_same_records(splits):
    """
    However the bytes are split, the records are the same.
    """
    data = b"".join(encode_lines(*RECORDS))
    places = [0, *sorted(min(cut, len(data)) for cut in splits), len(data)]
    decoder = PullDecoder(make_error=lambda line: make_error_in_success(None, line))

    steps = [step for begin, end in pairwise(places) for step in decoder.feed(data[begin:end])]

    assert steps + decoder.close() == STEPS
