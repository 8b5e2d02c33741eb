"""Pairs of clients, for components of other frameworks."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood import AsyncClient, CallReporter, Client, ClientPair, ConfigurationError
from tests.chat_server import ChatServer
from tests.held_server import HeldServer

SECRET = "sk-secret-of-a-pair"
QUESTION = "What grows? Buds grow."


@pytest.fixture
def server():
    """
    A server that answers at once.
    """
    with ChatServer() as server:
        yield server


@pytest.fixture
def held():
    """
    A server that holds its replies.
    """
    with HeldServer() as server:
        yield server


class Recorder:
    """
    An observer that keeps its events.
    """

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)


def offline():
    """
    Make a pair that creates its clients.
    """
    return ClientPair("offline/extractive")


# Clients that are created.


def test_threads_share_the_clients():
    """
    Many threads that use a pair at once get the same two clients.
    """
    pair = offline()
    with ThreadPoolExecutor(8) as threads:
        clients = set(threads.map(lambda _: (pair.blocking, pair.asynchronous), range(64)))

    assert len(clients) == 1
    pair.close()


def test_two_event_loops_share_the_async_client():
    """
    The async client answers in one loop after another.
    """
    pair = offline()
    replies = [asyncio.run(pair.asynchronous.ask(QUESTION)).text for _ in range(2)]
    pair.close()

    assert replies[0] == replies[1] == "Buds grow."


def test_closed_pair_creates_new_clients():
    """
    Closing closes both clients, also twice; the next use creates others.
    """
    pair = offline()
    first, first_async = pair.blocking, pair.asynchronous
    pair.close()
    pair.close()

    assert pair.blocking is not first
    assert (first._closed, first_async._closed) == (True, True)
    asyncio.run(pair.aclose())
    asyncio.run(pair.aclose())


def test_pair_is_closed_inside_an_event_loop():
    """
    `close` works in async code as well, and `aclose` closes the blocking client in a thread.
    """

    async def main():
        pair = offline()
        client, blocking = pair.asynchronous, pair.blocking
        await client.ask(QUESTION)
        pair.blocking.ask(QUESTION)
        await pair.aclose()
        assert (client._closed, blocking._closed) == (True, True)
        pair.asynchronous  # noqa: B018 - it creates a client
        pair.close()

    asyncio.run(main())


def test_dropped_pair_closes_its_clients():
    """
    The clients are closed when the pair is garbage-collected.
    """
    pair = offline()
    clients = pair.blocking, pair.asynchronous
    del pair
    gc.collect()

    assert [client._closed for client in clients] == [True, True]


def test_copies_are_the_pair_itself():
    """
    Connections cannot be copied.
    """
    pair = offline()

    assert copy.copy(pair) is copy.deepcopy(pair) is pair


def test_pickle_has_no_clients_and_no_secrets():
    """
    A loaded pair creates clients for the same model and address.
    """
    pair = ClientPair("openai/gpt-4o", api_key=SECRET, base_url=f"https://user:{SECRET}@example.com/v1")
    pickled = pickle.dumps((pair, pair.blocking)[0])

    assert SECRET.encode() not in pickled
    assert SECRET not in repr(pair)
    loaded = pickle.loads(pickled)
    assert (loaded.describe().provider, loaded.describe().model) == ("openai", "gpt-4o")
    assert b"//example.com/v1" in pickled


# Clients that are passed.


def test_passed_clients_stay_open():
    """
    They are used as they are, and their owner closes them.
    """
    with Client("offline/extractive") as client:
        async_client = AsyncClient("offline/extractive")
        pair = ClientPair(client=client, async_client=async_client)

        assert (pair.blocking, pair.asynchronous) == (client, async_client)
        pair.close()
        assert client.ask(QUESTION).text == asyncio.run(async_client.ask(QUESTION)).text
        asyncio.run(async_client.close())


@pytest.mark.parametrize("kind", ["client", "async_client"])
@pytest.mark.parametrize("argument", ["api_key", "base_url"])
def test_key_or_address_beside_a_client_is_an_error(kind, argument):
    """
    It would not be used.
    """
    client = Client("offline/extractive") if kind == "client" else AsyncClient("offline/extractive")

    with pytest.raises(ConfigurationError, match=f"Pass {argument} to the client"):
        ClientPair(**{kind: client, argument: SECRET})


def test_blocking_code_needs_a_blocking_client():
    """
    With only an async client, the error says what to pass.
    """
    pair = ClientPair(async_client=AsyncClient("offline/extractive"))

    with pytest.raises(ConfigurationError, match="Pass client="):
        pair.blocking  # noqa: B018 - it raises
    assert pair.describe().model == "extractive"


# A blocking client in async code.


def test_blocking_client_answers_async_calls(server):
    """
    Its cache answers an equal async call; all methods of async clients work.
    """
    with Client("local/tiny", settings=server.settings, cache="memory") as client:
        pair = ClientPair(client=client)

        async def main():
            replies = [await pair.asynchronous.ask("Hello", temperature=0) for _ in range(2)]
            many = await pair.asynchronous.ask_many(["a", "b", "c"]).in_order()
            await pair.aclose()
            return replies, many

        replies, many = asyncio.run(main())
        again, _ = asyncio.run(main())

        assert [reply.cached for reply in (*replies, *again)] == [False, True, True, True]
        assert len({reply.text for reply in many}) == 3
        assert client.ask("Hello", temperature=0).cached


def test_waiting_blocks_no_event_loop(held):
    """
    Many calls wait at once, in threads, while the loop runs.
    """
    with Client("local/tiny", settings=held.settings) as client:
        pair = ClientPair(client=client)

        async def main():
            asks = [asyncio.create_task(pair.asynchronous.ask(str(number))) for number in range(20)]
            for _ in asks:
                await asyncio.to_thread(held.arrived.acquire)
            held.opened.set()
            return await asyncio.gather(*asks)

        assert len({reply.text for reply in asyncio.run(main())}) == 20
        pair.close()


@pytest.mark.parametrize("leave", ["break", "cancel"])
def test_abandoned_stream_is_closed(held, leave):
    """
    The server notices that the connection of the blocking client is closed.
    """
    with Client("local/tiny", settings=held.settings) as client:
        pair = ClientPair(client=client)

        async def read(started):
            async with pair.asynchronous.stream("Hello") as stream:
                async for text in stream.text_deltas():
                    started.set_result(text)
                    if leave == "break":
                        break

        async def main():
            started = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(read(started))
            assert await started == "Rep"
            if leave == "cancel":
                task.cancel()
            await asyncio.wait([task])
            return await asyncio.to_thread(held.lost.acquire, timeout=60)

        assert asyncio.run(main())
        pair.close()


def test_cancelled_call_does_not_wait_for_its_reply(held):
    """
    The task ends at once, although the server still holds the reply, and the client works afterwards.
    """
    with Client("local/tiny", settings=held.settings) as client:
        pair = ClientPair(client=client)

        async def main():
            task = asyncio.create_task(pair.asynchronous.ask("Hello"))
            await asyncio.to_thread(held.arrived.acquire)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            held.opened.set()
            return await pair.asynchronous.ask("Hello again")

        assert asyncio.run(main()).text.startswith("Reply")
        pair.close()


# Observers.


def test_observer_ids_exclude_observers_from_reports():
    """
    A reporter sends nothing to the observers that the clients of the pair already report to.
    """
    mine, others = Recorder(), Recorder()
    with Client("offline/extractive", observers=[mine]) as client:
        ids = ClientPair(client=client).observer_ids()
        CallReporter([mine, others]).start("openai", "small", reported_to=ids).finish()

    assert all(isinstance(each, str) for each in ids)
    assert not mine.events
    assert others.events


def test_observers_of_async_calls_are_those_of_the_async_client():
    """
    The two clients can have different observers; without an async client, both ids are those of the blocking one.
    """
    first, second = Recorder(), Recorder()
    with Client("offline/extractive", observers=[first]) as client:
        pair = ClientPair(client=client, async_client=AsyncClient("offline/extractive", observers=[second]))
        alone = ClientPair(client=client)

    assert pair.observer_ids() != pair.async_observer_ids()
    assert alone.observer_ids() == alone.async_observer_ids() == pair.observer_ids()


# Tokens.


def test_tokens_are_counted_with_either_client():
    """
    Counting is offline, so that an async client alone also counts in blocking code.
    """
    pair = ClientPair(async_client=AsyncClient("offline/extractive"))

    assert pair.count_tokens("Buds grow.").input_tokens == offline().count_tokens("Buds grow.").input_tokens > 0
    with pytest.raises(ConfigurationError):
        pair.count_tokens("Buds grow.", temprature=1)


def test_observer_ids_are_empty_without_a_client():
    """
    Invalid settings are reported by the call.
    """
    pair = ClientPair("no-such-provider")

    assert pair.observer_ids() == []
    with pytest.raises(ConfigurationError):
        pair.blocking.ask("Hello")
