"""Injected faults, and how the engine handles them."""

from __future__ import annotations

import asyncio
from itertools import islice

import pytest

from budwood import AsyncClient, Client
from budwood.errors import (
    BadResponseError,
    CapacityError,
    ConfigurationError,
    ConnectionFailedError,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from budwood_testing import (
    AsyncFaultyTransport,
    Fault,
    FaultyTransport,
    RecordingTransport,
    ReplayTransport,
    chat_chunks,
    chat_reply,
    random_faults,
    sse,
)
from tests.servers import reply

STREAM = sse(*chat_chunks(["One ", "two ", "three"]))


class Asker:
    """
    Sends calls with faults through one of the two clients.
    """

    def __init__(self, scripted, clock, loop):
        self.scripted = scripted
        self.clock = clock
        self.loop = loop
        self.transport = None

    def client(self, faults, retries, **options):
        options |= {"api_key": "sk-test-secret", "clock": self.clock, "cache": False, "retries": retries}
        kind = AsyncFaultyTransport if self.loop else FaultyTransport
        inner = self.scripted.asynchronous if self.loop else self.scripted
        self.transport = kind(inner, faults, clock=self.clock)
        return (AsyncClient if self.loop else Client)("openai/gpt-4o", transport=self.transport, **options)

    def ask(self, *faults, retries=0, **options):
        """
        Ask once.
        """
        client = self.client(faults, retries, **options)
        if not self.loop:
            with client:
                return client.ask("Hi")

        async def ask():
            async with client:
                return await client.ask("Hi")

        return asyncio.run(ask())

    def stream(self, *faults, retries=0, **options):
        """
        Read a stream.
        """
        client = self.client(faults, retries, **options)
        if not self.loop:
            with client, client.stream("Hi") as stream:
                return "".join(stream.text_deltas())

        async def read():
            async with client, client.stream("Hi") as stream:
                return "".join([piece async for piece in stream.text_deltas()])

        return asyncio.run(read())


@pytest.fixture(params=[False, True], ids=["blocking", "async"])
def asker(request, scripted, clock):
    """
    Each of the two clients.
    """
    return Asker(scripted, clock, request.param)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.refused(), ConnectionFailedError),
        (Fault.timed_out(), RequestTimeoutError),
        (Fault.timed_out("deadline"), RequestTimeoutError),
        (Fault.error_reply(429, retry_after=7), RateLimitError),
        (Fault.error_reply(500), ServerError),
        (Fault.error_reply(529), CapacityError),
        (Fault.garbage(), BadResponseError),
        (Fault.oversized(), ResponseTooLargeError),
    ],
    ids=lambda value: getattr(value, "name", None),
)
@pytest.mark.parametrize("how", ["ask", "stream"])
def test_fault_instead_of_a_reply_raises_its_error(fault, error, how, asker):
    """
    A fault that replaces the reply raises its error, and nothing is sent.
    """
    with pytest.raises(error):
        getattr(asker, how)(fault)

    assert asker.scripted.calls == []
    assert asker.transport.applied == (fault,)


def test_retries_handle_transient_faults(asker):
    """
    After a refused connection and a 429 reply, the third attempt succeeds after the requested delay.
    """
    asker.scripted.reply(200, chat_reply("Hello."))

    response = asker.ask(Fault.refused(), Fault.error_reply(429, retry_after=7), retries=2)

    assert response.text == "Hello."
    assert asker.clock.slept[-1] == 7.0
    assert [attempt.error for attempt in response.attempts] == ["ConnectionFailedError", "RateLimitError", None]


def test_timeouts_advance_the_clock(asker):
    """
    A connection times out after `connect_timeout`, a reply at the deadline.
    """
    with pytest.raises(RequestTimeoutError) as connecting:
        asker.ask(Fault.timed_out(), connect_timeout=3.0)
    with pytest.raises(RequestTimeoutError) as waiting:
        asker.ask(Fault.timed_out("deadline"), timeout=20.0)

    assert (connecting.value.phase, waiting.value.phase) == ("connect", "deadline")
    assert asker.clock.slept == [3.0, 20.0]


def test_delays_use_the_clock(asker):
    """
    A delayed reply succeeds if it arrives before the deadline.
    """
    asker.scripted.reply(200, chat_reply("Hello.")).reply(200, chat_reply("Hello."))

    assert asker.ask(Fault.delayed(30.0)).text == "Hello."
    with pytest.raises(RequestTimeoutError):
        asker.ask(Fault.delayed(30.0), timeout=20.0)

    assert asker.clock.slept == [30.0, 20.0]


def test_slow_body_is_complete(asker):
    """
    A slow body is read completely, unless a chunk takes longer than `idle_timeout`.
    """
    asker.scripted.reply(200, chunks=STREAM).reply(200, chunks=STREAM)

    assert asker.stream(Fault.slow(20, delay=2.0)) == "One two three"
    assert set(asker.clock.slept) == {2.0}
    assert len(asker.clock.slept) >= sum(map(len, STREAM)) // 20
    with pytest.raises(RequestTimeoutError) as caught:
        asker.stream(Fault.slow(20, delay=2.0), idle_timeout=1.0)
    assert caught.value.phase == "read"


def test_disconnected_stream_has_the_partial_text(asker):
    """
    A stream that breaks after its first text is not retried; the error has the partial text.
    """
    asker.scripted.reply(200, chunks=STREAM)

    with pytest.raises(StreamInterruptedError) as caught:
        asker.stream(Fault.disconnected(len(STREAM[0]) + len(STREAM[1]) + 5), retries=2)

    assert caught.value.response.text == "One two "
    assert len(asker.scripted.calls) == 1


def test_stream_that_breaks_before_its_first_text_is_retried(asker):
    """
    The retry is not visible to the caller.
    """
    asker.scripted.reply(200, chunks=STREAM).reply(200, chunks=STREAM)

    assert asker.stream(Fault.disconnected(5), retries=1) == "One two three"
    assert len(asker.scripted.calls) == 2


def test_truncated_stream_is_interrupted(asker):
    """
    A stream that ends without a finish reason is interrupted.
    """
    asker.scripted.reply(200, chunks=STREAM)

    with pytest.raises(StreamInterruptedError) as caught:
        asker.stream(Fault.truncated(len(STREAM[0])))

    assert caught.value.response.text == "One "


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.truncated(40), BadResponseError), (Fault.disconnected(40), ConnectionFailedError)]
)
def test_incomplete_reply_is_an_error(fault, error, asker):
    """
    A truncated body and a broken connection raise errors.
    """
    asker.scripted.reply(200, chat_reply("Hello."))

    with pytest.raises(error):
        asker.ask(fault)


def test_disconnect_applies_to_shorter_bodies(asker):
    """
    The connection breaks at the end of a body that is shorter than `after`.
    """
    asker.scripted.reply(200, chat_reply("Hello."))

    with pytest.raises(ConnectionFailedError):
        asker.ask(Fault.disconnected(100_000))


def test_oversized_reply_has_the_requested_size(asker):
    """
    A reply below the limit of the call is invalid, but not too large.
    """
    with pytest.raises(BadResponseError) as caught:
        asker.ask(Fault.oversized(200_000))

    assert not isinstance(caught.value, ResponseTooLargeError)


def test_faults_apply_to_calls_in_order(scripted, clock):
    """
    None stands for a call without a fault, and calls after the last fault have none.
    """
    for _ in range(3):
        scripted.reply(200, chat_reply("Hello."))
    transport = FaultyTransport(scripted, [None, Fault.error_reply(500)], clock=clock)

    with Client("openai/gpt-4o", api_key="sk-test-secret", transport=transport, clock=clock, cache=False) as client:
        attempts = [len(client.ask(prompt).attempts) for prompt in ("1", "2", "3")]

    assert attempts == [1, 2, 1]
    assert [fault and fault.name for fault in transport.applied] == [None, "status 500", None, None]


def test_random_faults_are_reproducible():
    """
    Equal seeds give equal faults, at about the requested rate.
    """

    def plan(seed):
        return list(islice(random_faults([Fault.refused(), Fault.disconnected(9)], rate=0.25, seed=seed), 1000))

    assert plan(1) == plan(1) != plan(2)
    assert 200 < sum(fault is not None for fault in plan(1)) < 300
    assert set(plan(1)) - {None} == {Fault.refused(), Fault.disconnected(9)}


def test_without_a_clock_there_are_no_delays(scripted):
    """
    Without a clock, delays are skipped.
    """
    scripted.reply(200, chat_reply("Hello."))
    transport = FaultyTransport(scripted, [Fault.delayed(1e6)])

    with Client("openai/gpt-4o", api_key="sk-test-secret", transport=transport, cache=False) as client:
        assert client.ask("Hi").text == "Hello."


def test_faults_apply_to_recordings_and_real_servers(loopback_server, tmp_path):
    """
    Faults apply while recording and while replaying.
    """
    loopback_server.play(reply(200, chat_reply("Hello.")), times=2)
    path, url = tmp_path / "ask.json", f"{loopback_server.url}/v1"
    options = {"api_key": "sk-test-secret", "base_url": url, "cache": False, "retries": 0}
    with Client("openai/gpt-4o", transport=RecordingTransport(path), **options) as client:
        client.ask("Hi")

    for inner in (RecordingTransport(tmp_path / "other.json"), ReplayTransport(path)):
        transport = FaultyTransport(inner, [Fault.disconnected(20)])
        with Client("openai/gpt-4o", transport=transport, **options) as client, pytest.raises(ConnectionFailedError):
            client.ask("Hi")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault.slow(0),
        lambda: Fault.disconnected(-1),
        lambda: Fault.delayed(-1.0),
        lambda: Fault(name="late", failure="dedline"),
        lambda: random_faults([], rate=0.5, seed=1),
        lambda: random_faults([Fault.refused()], rate=20, seed=1),
    ],
)
def test_invalid_fault_is_rejected(make):
    """
    Invalid arguments of faults raise ConfigurationError.
    """
    with pytest.raises(ConfigurationError):
        make()
