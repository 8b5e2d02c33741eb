"""Async clients that are used in more than one event loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from budwood import AsyncClient
from budwood.errors import BudwoodError, ConfigurationError, CredentialError, RequestTimeoutError
from budwood.types import AccessToken
from budwood_testing import chat_chunks, chat_reply, sse
from tests.servers import CHUNKED, EVENT_STREAM, KEEP_ALIVE, WAIT_FOR_CLOSE, chunk, head, reply

every_transport = pytest.mark.parametrize("transport", ["auto", "default", "httptools", "aiohttp"])
WORDS = ["Once", " upon", " a", " time"]


def make_client(server, transport="auto", **options):
    """
    Create a client for a local server.
    """
    return AsyncClient(
        "openai-compatible/any", base_url=f"{server.url}/v1", cache=False, retries=0, transport=transport, **options
    )


def start_answering(server):
    """
    Start a server that answers all requests and leaves its connections open.
    """
    server.answer = lambda _: reply(200, chat_reply("Hello."), **KEEP_ALIVE)
    return server


def start_streaming(server, *, times=1):
    """
    Start a server that sends the first word of a stream, and leaves the stream open until the test ends.
    """
    first, *others = (chunk(event) for event in sse(*chat_chunks(WORDS)))
    resume = threading.Event()
    server.play(
        head(200, **CHUNKED, **EVENT_STREAM),
        first,
        others[0],
        resume,
        *others[1:],
        chunk(b""),
        times=times,
        keep_alive=True,
    )
    return resume


@pytest.fixture
def abandoned_connections():
    """
    Collect the connections of a loop that did not shut down, about which asyncio and aiohttp warn.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def ask(client):
    """
    Return the text of a reply.
    """
    return (await client.ask("Hi")).text


async def read_rest(texts):
    """
    Return the remaining events of a stream.
    """
    return [text async for text in texts]


async def read(client):
    """
    Return the text of a stream.
    """
    async with client.stream("Hi") as stream:
        return "".join([text async for text in stream.text_deltas()])


@pytest.mark.report("pydantic/pydantic-ai#180", outcome="mended")
@every_transport
def test_client_works_in_one_event_loop_after_the_other(loopback_server, transport):
    """
    A second `asyncio.run` opens its own connections and does not wait for those of the first.
    """
    client = make_client(start_answering(loopback_server), transport)

    assert [asyncio.run(ask(client)) for _ in range(3)] == ["Hello."] * 3
    assert loopback_server.accepted == 3


@pytest.mark.report("pydantic/pydantic-ai#180", outcome="mended")
@every_transport
def test_streams_work_in_one_event_loop_after_the_other(loopback_server, transport):
    """
    Streams work in a second event loop as well.
    """
    client = make_client(loopback_server, transport)
    start_streaming(loopback_server, times=2).set()

    assert [asyncio.run(read(client)) for _ in range(2)] == ["".join(WORDS)] * 2


@every_transport
def test_end_of_a_loop_closes_its_connections(loopback_server, transport):
    """
    `asyncio.run` closes its connections at its end, although the client stays open.
    """
    client = make_client(start_answering(loopback_server), transport)

    async def ask_twice():
        return [await ask(client), await ask(client)]

    assert asyncio.run(ask_twice()) == ["Hello."] * 2
    assert loopback_server.accepted == 1
    assert loopback_server.has_open(0)


@every_transport
def test_deadlines_hold_in_a_second_event_loop(loopback_server, transport):
    """
    A timer of the first loop does not disable the timeouts in the second.
    """
    client = make_client(loopback_server, transport, timeout=0.2)
    loopback_server.play(WAIT_FOR_CLOSE, times=2)

    for _ in range(2):
        with pytest.raises(RequestTimeoutError):
            asyncio.run(ask(client))


@every_transport
@pytest.mark.usefixtures("abandoned_connections")
def test_client_works_after_a_loop_that_did_not_shut_down(loopback_server, transport):
    """
    If a loop ends without shutting down, even during a reply, the client works in the next loop.
    """
    client = make_client(loopback_server, transport)
    resume = start_streaming(loopback_server)
    loop = asyncio.new_event_loop()
    stream = client.stream("Hi")
    assert loop.run_until_complete(anext(stream.text_deltas())) == WORDS[0]
    loop.close()
    resume.set()
    start_answering(loopback_server)

    assert asyncio.run(ask(client)) == "Hello."
    asyncio.run(stream.close())
    asyncio.run(client.close())


@every_transport
@pytest.mark.usefixtures("abandoned_connections")
def test_stream_is_read_in_the_loop_that_opened_it(loopback_server, transport):
    """
    Reading a stream in another loop raises an error immediately, and the client remains usable.
    """
    client = make_client(loopback_server, transport)
    resume = start_streaming(loopback_server)
    texts = client.stream("Hi").text_deltas()
    with asyncio.Runner() as runner:
        assert runner.run(anext(texts)) == WORDS[0]
        resume.set()
        with pytest.raises(ConfigurationError, match="another event loop"):
            asyncio.run(read_rest(texts))
        start_answering(loopback_server)
        assert runner.run(ask(client)) == "Hello."


@every_transport
def test_threads_with_a_loop_each_share_a_client(loopback_server, transport):
    """
    Each thread's loop has its own connections; `close` closes those of all running loops.
    """
    client = make_client(start_answering(loopback_server), transport)
    together, closed = threading.Barrier(4), threading.Event()

    async def ask_much():
        texts = []
        for _ in range(5):
            await asyncio.to_thread(together.wait)
            texts += [await ask(client), await ask(client)]
        await asyncio.to_thread(together.wait)
        if together.n_waiting == 0 and threading.current_thread().name.endswith("_0"):
            await client.close()
            closed.set()
        await asyncio.to_thread(closed.wait)
        return texts

    with ThreadPoolExecutor(4) as pool:
        results = [one.result() for one in [pool.submit(asyncio.run, ask_much()) for _ in range(4)]]

    assert results == [["Hello."] * 10] * 4
    assert loopback_server.accepted == 4
    assert loopback_server.has_open(0)
    with pytest.raises(BudwoodError, match="closed"):
        asyncio.run(ask(client))


def test_httpx_client_works_in_one_event_loop(loopback_server):
    """
    A second loop raises an error, since the connections of an `httpx.AsyncClient` belong to the first.
    """
    client = make_client(start_answering(loopback_server), httpx.AsyncClient(trust_env=False))

    async def ask_and_close_connections():
        text = await ask(client)
        await client._transport._client.aclose()
        return text

    assert asyncio.run(ask_and_close_connections()) == "Hello."
    with pytest.raises(ConfigurationError, match=r"another event loop.*omit transport="):
        asyncio.run(ask(client))


def test_mock_of_httpx_works_in_several_event_loops(loopback_server):
    """
    A mock transport of httpx has no connections, so it works in several loops.
    """
    mock = httpx.MockTransport(lambda _: httpx.Response(200, json=chat_reply("Mocked.")))
    client = make_client(loopback_server, httpx.AsyncClient(transport=mock))

    assert [asyncio.run(ask(client)) for _ in range(2)] == ["Mocked."] * 2


class Tokens:
    """
    An async token source that lets other tasks run before it returns.
    """

    def __init__(self, clock, *, failures=0, seconds=3600.0):
        self.clock = clock
        self.failures = failures
        self.seconds = seconds
        self.asked = 0
        self.started = asyncio.Event()

    async def __call__(self):
        self.asked += 1
        self.started.set()
        number = self.asked
        await asyncio.sleep(0)
        if number <= self.failures:
            raise OSError("no route")
        return AccessToken(secret=f"token-{number}", expires_at=self.clock.time() + self.seconds)


@pytest.fixture
def make_azure_client(scripted, clock):
    """
    Create a client whose credentials come from a token source.
    """

    def make(source):
        settings = {"base_url": "https://res.openai.azure.com", "token_source": source}
        return AsyncClient(
            "azure/gpt-4o",
            settings={"providers": {"azure": settings}},
            transport=scripted.asynchronous,
            clock=clock,
            cache=False,
            retries=0,
        )

    return make


def list_tokens(scripted):
    """
    Return the set of tokens that were sent.
    """
    return {call.headers["authorization"] for call in scripted.calls}


def test_tasks_share_the_fetch_of_a_token(make_azure_client, scripted, clock):
    """
    Eight concurrent tasks share one fetch of the token, and again one fetch when it expires.
    """
    for _ in range(16):
        scripted.reply(body=chat_reply("Hello."))
    source = Tokens(clock)
    client = make_azure_client(source)

    assert all(isinstance(one.text, str) for one in asyncio.run(client.ask_many(["Hi"] * 8).in_order()))
    assert list_tokens(scripted) == {"Bearer token-1"}
    clock.now += 4000
    asyncio.run(client.ask_many(["Hi"] * 8).in_order())
    assert source.asked == 2
    assert list_tokens(scripted) == {"Bearer token-1", "Bearer token-2"}


def test_tasks_share_the_failure_of_a_token_source(make_azure_client, scripted, clock):
    """
    If the token source fails, each waiting call raises its own error with the cause, after a single fetch.
    """
    scripted.reply(body=chat_reply("Hello."))
    source = Tokens(clock, failures=1)
    client = make_azure_client(source)

    errors = asyncio.run(client.ask_many(["Hi"] * 4).in_order())

    assert source.asked == 1
    assert all(isinstance(error, CredentialError) and isinstance(error.__cause__, OSError) for error in errors)
    assert len({id(error) for error in errors}) == 4
    assert asyncio.run(ask(client)) == "Hello."


def test_cancelled_token_fetch_is_repeated_by_another_task(make_azure_client, scripted, clock):
    """
    If the task that fetches a token is cancelled, another waiting task fetches it.
    """
    for _ in range(3):
        scripted.reply(body=chat_reply("Hello."))
    source = Tokens(clock)
    client = make_azure_client(source)

    async def cancel_the_first():
        tasks = [asyncio.create_task(ask(client)) for _ in range(4)]
        await source.started.wait()
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(cancel_the_first())

    assert isinstance(first, asyncio.CancelledError)
    assert others == ["Hello."] * 3
    assert source.asked == 2


def test_token_fetch_of_a_closed_loop_is_repeated(make_azure_client, scripted, clock):
    """
    If the loop of the fetch was closed, a call in the next loop fetches the token itself.
    """
    scripted.reply(body=chat_reply("Hello."))
    source, started = Tokens(clock), asyncio.Event()

    async def wait_in_the_first_loop():
        if not started.is_set():
            started.set()
            await asyncio.get_running_loop().create_future()
        return await source()

    client = make_azure_client(wait_in_the_first_loop)
    loop = asyncio.new_event_loop()
    task = loop.create_task(ask(client))
    loop.run_until_complete(started.wait())
    loop.close()

    assert asyncio.run(ask(client)) == "Hello."
    assert source.asked == 1
    task._log_destroy_pending = False


def test_token_source_is_bounded_by_the_timeout(make_azure_client, clock):
    """
    The timeout of a call also limits the token source.
    """

    async def never():
        await asyncio.get_running_loop().create_future()

    client = make_azure_client(never)

    async def ask_briefly():
        return await client.ask("Hi", timeout=0.05)

    with pytest.raises(RequestTimeoutError, match="token source"):
        asyncio.run(ask_briefly())
