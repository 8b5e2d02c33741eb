"""Faults on purpose: what the engine makes of each, over any transport."""

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
    Asks through faults, with one of the two clients.
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
    Both clients, one after the other.
    """
    return Asker(scripted, clock, request.param)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.refused(), ConnectionFailedError),
        (Fault.timed_out(), RequestTimeoutError),
        (Fault.timed_out("deadline"), RequestTimeoutError),
        (Fault.replied(429, retry_after=7), RateLimitError),
        (Fault.replied(500), ServerError),
        (Fault.replied(529), CapacityError),
        (Fault.garbage(), BadResponseError),
        (Fault.oversized(), ResponseTooLargeError),
    ],
    ids=lambda value: getattr(value, "name", None),
)
@pytest.mark.parametrize("how", ["ask", "stream"])
def test_fault_in_place_of_a_reply_is_the_error_it_stands_for(fault, error, how, asker):
    """
    Nothing is sent, streamed or not.
    """
    with pytest.raises(error):
        getattr(asker, how)(fault)

    assert asker.scripted.calls == []
    assert asker.transport.struck == (fault,)


def test_retries_get_over_what_passes(asker):
    """
    After a refused connection and a 429 the third attempt succeeds, and waits as long as it was asked to.
    """
    asker.scripted.reply(200, chat_reply("Hello."))

    said = asker.ask(Fault.refused(), Fault.replied(429, retry_after=7), retries=2)

    assert said.text == "Hello."
    assert asker.clock.slept[-1] == 7.0
    assert [attempt.error for attempt in said.attempts] == ["ConnectionFailedError", "RateLimitError", None]


def test_timeouts_take_their_time(asker):
    """
    A connection that does not come about is given up after `connect_timeout`, a reply at the deadline.
    """
    with pytest.raises(RequestTimeoutError) as connecting:
        asker.ask(Fault.timed_out(), connect_timeout=3.0)
    with pytest.raises(RequestTimeoutError) as waiting:
        asker.ask(Fault.timed_out("deadline"), timeout=20.0)

    assert (connecting.value.phase, waiting.value.phase) == ("connect", "deadline")
    assert asker.clock.slept == [3.0, 20.0]


def test_delay_passes_by_the_clock(asker):
    """
    A late reply is a reply, if it comes before the deadline.
    """
    asker.scripted.reply(200, chat_reply("Hello.")).reply(200, chat_reply("Hello."))

    assert asker.ask(Fault.delayed(30.0)).text == "Hello."
    with pytest.raises(RequestTimeoutError):
        asker.ask(Fault.delayed(30.0), timeout=20.0)

    assert asker.clock.slept == [30.0, 20.0]


def test_dripping_body_comes_whole_but_slowly(asker):
    """
    Silence between two drops is bounded by `idle_timeout`.
    """
    asker.scripted.reply(200, chunks=STREAM).reply(200, chunks=STREAM)

    assert asker.stream(Fault.dripping(20, pause=2.0)) == "One two three"
    assert set(asker.clock.slept) == {2.0}
    assert len(asker.clock.slept) >= sum(map(len, STREAM)) // 20
    with pytest.raises(RequestTimeoutError) as caught:
        asker.stream(Fault.dripping(20, pause=2.0), idle_timeout=1.0)
    assert caught.value.phase == "read"


def test_cut_stream_hands_over_what_had_arrived(asker):
    """
    It is not asked for again once something was seen.
    """
    asker.scripted.reply(200, chunks=STREAM)

    with pytest.raises(StreamInterruptedError) as caught:
        asker.stream(Fault.cut(len(STREAM[0]) + len(STREAM[1]) + 5), retries=2)

    assert caught.value.response.text == "One two "
    assert len(asker.scripted.calls) == 1


def test_stream_that_is_cut_before_its_first_word_is_asked_for_again(asker):
    """
    The caller notices nothing.
    """
    asker.scripted.reply(200, chunks=STREAM).reply(200, chunks=STREAM)

    assert asker.stream(Fault.cut(5), retries=1) == "One two three"
    assert len(asker.scripted.calls) == 2


def test_truncated_stream_is_interrupted_though_it_ends_in_good_form(asker):
    """
    An end without a finish reason is no end.
    """
    asker.scripted.reply(200, chunks=STREAM)

    with pytest.raises(StreamInterruptedError) as caught:
        asker.stream(Fault.truncated(len(STREAM[0])))

    assert caught.value.response.text == "One "


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.truncated(40), BadResponseError), (Fault.cut(40), ConnectionFailedError)]
)
def test_whole_reply_that_lacks_its_end_is_an_error(fault, error, asker):
    """
    Broken JSON, or a broken connection.
    """
    asker.scripted.reply(200, chat_reply("Hello."))

    with pytest.raises(error):
        asker.ask(fault)


def test_cut_strikes_also_where_the_body_is_shorter(asker):
    """
    A fault that was asked for does not pass unnoticed.
    """
    asker.scripted.reply(200, chat_reply("Hello."))

    with pytest.raises(ConnectionFailedError):
        asker.ask(Fault.cut(100_000))


def test_reply_of_a_given_size(asker):
    """
    One that is not too large is merely no reply of an API.
    """
    with pytest.raises(BadResponseError) as caught:
        asker.ask(Fault.oversized(200_000))

    assert not isinstance(caught.value, ResponseTooLargeError)


def test_nth_call_is_struck_and_the_others_are_spared(scripted, clock):
    """
    None spares a call, and so does the end of the list.
    """
    for _ in range(3):
        scripted.reply(200, chat_reply("Hello."))
    transport = FaultyTransport(scripted, [None, Fault.replied(500)], clock=clock)

    with Client("openai/gpt-4o", api_key="sk-test-secret", transport=transport, clock=clock, cache=False) as client:
        ledgers = [len(client.ask(prompt).attempts) for prompt in ("1", "2", "3")]

    assert ledgers == [1, 2, 1]
    assert [fault and fault.name for fault in transport.struck] == [None, "status 500", None, None]


def test_random_faults_strike_alike_for_equal_seeds():
    """
    At about the rate that was asked for.
    """

    def plan(seed):
        return list(islice(random_faults([Fault.refused(), Fault.cut(9)], rate=0.25, seed=seed), 1000))

    assert plan(1) == plan(1) != plan(2)
    assert 200 < sum(fault is not None for fault in plan(1)) < 300
    assert set(plan(1)) - {None} == {Fault.refused(), Fault.cut(9)}


def test_without_a_clock_nobody_waits(scripted):
    """
    Pauses pass at once, whatever the client's clock says.
    """
    scripted.reply(200, chat_reply("Hello."))
    transport = FaultyTransport(scripted, [Fault.delayed(1e6)])

    with Client("openai/gpt-4o", api_key="sk-test-secret", transport=transport, cache=False) as client:
        assert client.ask("Hi").text == "Hello."


def test_faults_strike_recordings_and_real_servers(loopback_server, tmp_path):
    """
    Over a connection that is recorded, and over the recording.
    """
    loopback_server.play(reply(200, chat_reply("Hello.")), times=2)
    path, url = tmp_path / "ask.json", f"{loopback_server.url}/v1"
    options = {"api_key": "sk-test-secret", "base_url": url, "cache": False, "retries": 0}
    with Client("openai/gpt-4o", transport=RecordingTransport(path), **options) as client:
        client.ask("Hi")

    for inner in (RecordingTransport(tmp_path / "other.json"), ReplayTransport(path)):
        transport = FaultyTransport(inner, [Fault.cut(20)])
        with Client("openai/gpt-4o", transport=transport, **options) as client, pytest.raises(ConnectionFailedError):
            client.ask("Hi")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault.dripping(0),
        lambda: Fault.cut(-1),
        lambda: Fault.delayed(-1.0),
        lambda: Fault(name="late", failure="dedline"),
        lambda: random_faults([], rate=0.5, seed=1),
        lambda: random_faults([Fault.refused()], rate=20, seed=1),
    ],
)
def test_fault_that_makes_no_sense_is_refused(make):
    """
    Before anything is asked.
    """
    with pytest.raises(ConfigurationError):
        make()
