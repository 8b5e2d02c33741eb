"""
A request that several calls share fails or ends for one of them, and the others go on.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood import AsyncClient, BudgetExceededError, BudwoodError, Client, StreamInterruptedError, TextDelta
from budwood.engine.caching import sharing
from budwood_testing import chat_reply
from tests.core.engine.caching.held_cache import HeldCache
from tests.forking import run_in_child
from tests.held_server import HeldServer, wait_for_members

OPTIONS = {"max_tokens": 100}
SMALL = {"dollars": "0.000001"}


@pytest.fixture
def server():
    """
    A server that holds its replies.
    """
    with HeldServer() as server:
        yield server


@pytest.fixture
def client(server):
    """
    A client with a memory cache.
    """
    with Client("local/tiny", cache="memory", settings=server.settings, retries=0) as client:
        yield client


def submit(pool, client, count, **options):
    """
    Start equal calls, and wait until they share a request.
    """
    before = sum(len(flight._members) for flight in client._engine.cache.flights._flights.values())
    futures = [pool.submit(client.ask, "Hello", **OPTIONS, **options) for _ in range(count)]
    wait_for_members(client, before + count)
    return futures


def submit_held(pool, client, cache, count, **options):
    """
    Start equal calls whose request waits for the cache.
    """
    first = submit(pool, client, 1, **options)
    cache.held.acquire()
    return [*first, *submit(pool, client, count - 1, **options)]


def test_a_call_that_looks_up_too_early_and_starts_too_late_sends_nothing(make_client, scripted):
    """
    An equal request may have stored its reply between the lookup of a call and the start of its request.
    """
    scripted.reply(body=chat_reply("Hi"))

    class Late(HeldCache):
        def get(self, key):
            value = super().get(key)
            if self.gets == 1:
                client.ask("Hello")  # an equal call, which ends before this one goes on
            return value

    client = make_client(cache=Late())

    assert client.ask("Hello").text == "Hi"
    assert len(scripted.calls) == 1


def test_the_budget_of_one_call_does_not_fail_the_others(make_client, scripted):
    """
    A call without a budget sends the request that another call may not.
    """
    cache = HeldCache({2})
    client = make_client(cache=cache)
    scripted.reply(body=chat_reply("Hi"))
    with ThreadPoolExecutor(3) as pool:
        (first,) = submit_held(pool, client, cache, 1, budget=SMALL)
        others = submit(pool, client, 2)
        cache.opened.set()

        assert isinstance(first.exception(), BudgetExceededError)
        assert [future.result().text for future in others] == ["Hi", "Hi"]
    assert len(scripted.calls) == 1


def test_a_call_without_budget_that_takes_over_is_not_bound_by_that_of_the_first(make_async_client, scripted):
    """
    The first call is cancelled before its request exceeds its budget.
    """
    scripted.reply(body=chat_reply("Hi"))

    async def work():
        cache = HeldCache({2})
        async with make_async_client(cache=cache) as client:
            first = asyncio.create_task(client.ask("Hello", **OPTIONS, budget=SMALL))
            await asyncio.to_thread(cache.held.acquire)
            second = asyncio.create_task(client.ask("Hello", **OPTIONS))
            await asyncio.to_thread(wait_for_members, client, 2)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            cache.opened.set()
            return await second

    assert asyncio.run(work()).text == "Hi"


@pytest.mark.parametrize("budgets", [{}, {"all": {"dollars": "0.000001", "per": "client"}}])
def test_calls_with_equal_budgets_share_the_error(make_client, scripted, budgets):
    """
    Not each of them has to find out.
    """
    cache = HeldCache({2})
    client = make_client(cache=cache, budgets=budgets)
    with ThreadPoolExecutor(3) as pool:
        futures = submit_held(pool, client, cache, 3, **({} if budgets else {"budget": SMALL}))
        cache.opened.set()
        errors = [future.exception() for future in futures]

    assert [type(error) for error in errors] == [BudgetExceededError] * 3
    assert len({id(error) for error in errors}) == 3
    assert (cache.gets, scripted.calls) == (4, [])


class OddError(Exception):
    """
    An error that cannot be copied.
    """

    def __init__(self, first, *, second):
        super().__init__(first, second)


def test_errors_that_cannot_be_copied_reach_all_calls(make_client, scripted):
    """
    They get the same object.
    """
    cache = HeldCache({2})
    client = make_client(cache=cache)
    error = OddError("a", second="b")
    scripted.fail(error)
    with ThreadPoolExecutor(3) as pool:
        futures = submit_held(pool, client, cache, 3)
        cache.opened.set()
        errors = [future.exception() for future in futures]

    assert [type(found.__cause__ or found) for found in errors] == [OddError] * 3


def test_calls_that_wait_when_the_client_is_closed_get_an_error(server, client):
    """
    It says that the client is closed.
    """
    with ThreadPoolExecutor(3) as pool:
        futures = submit(pool, client, 3)
        server.arrived.acquire()
        client.close()
        errors = [future.exception() for future in futures]

    assert all(isinstance(error, BudwoodError) and "client is closed" in str(error) for error in errors)
    assert len(server.requests) == 1


def test_tasks_that_wait_when_the_client_is_closed_get_an_error(server):
    """
    The same with async I/O.
    """

    async def work():
        client = AsyncClient("local/tiny", cache="memory", settings=server.settings, retries=0)
        tasks = [asyncio.create_task(client.ask("Hello")) for _ in range(3)]
        await asyncio.to_thread(wait_for_members, client, 3)
        await client.close()
        return await asyncio.gather(*tasks, return_exceptions=True)

    errors = asyncio.run(work())

    assert all(isinstance(error, BudwoodError) and "client is closed" in str(error) for error in errors)


def test_control_c_ends_one_call_only(server, client):
    """
    Another thread gets the reply, and is charged for it.
    """
    main = threading.get_ident()
    with ThreadPoolExecutor(2) as pool:

        def interrupt():
            wait_for_members(client, 1)
            other = pool.submit(client.ask, "Hello")
            wait_for_members(client, 2)
            signal.pthread_kill(main, signal.SIGINT)
            return other

        future = pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.ask("Hello")
        server.opened.set()

        assert not future.result().result().cached
    assert len(server.requests) == 1


def test_control_c_ends_the_request_of_the_only_call(server, client):
    """
    The server notices that the connection is closed.
    """
    main = threading.get_ident()

    def read():
        pool.submit(signal.pthread_kill, main, signal.SIGINT)
        list(stream)

    with ThreadPoolExecutor(1) as pool, client.stream("Hello") as stream:
        next(iter(stream))
        with pytest.raises(KeyboardInterrupt):
            read()

    server.lost.acquire()
    assert client._engine.cache.flights._flights == {}


def test_without_threads_calls_send_requests_of_their_own(make_client, scripted, monkeypatch):
    """
    At the end of a program no thread can be started.
    """
    client = make_client(cache="memory")
    scripted.reply(body=chat_reply("Hi"))

    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert (client.ask("Hello").cached, client.ask("Hello").cached) == (False, True)
    assert client._engine.cache.flights._flights == {}


def test_a_forked_process_sends_a_request_of_its_own(server, client):
    """
    No thread performs the request of its parent there.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.ask, "Hello")
        wait_for_members(client, 1)
        server.arrived.acquire()

        def ask():
            return client.ask("Hello", timeout=20).text

        threading.Thread(target=lambda: (server.arrived.acquire(), server.opened.set())).start()
        text = run_in_child(ask)

        assert text.startswith("Reply")
        assert future.result().text.startswith("Reply")
    assert len(server.requests) == 2


@pytest.mark.parametrize("is_read", [True, False])
def test_a_stream_in_a_forked_process_ends_without_waiting(server, client, monkeypatch, is_read):
    """
    Nothing performs its request there. The parent reads it to its end.
    """
    for name in ("CHECK_SECONDS", "CLEANUP_SECONDS"):
        monkeypatch.setattr(sharing, name, 600)
    with client.stream("Hello") as stream:
        events = iter(stream)
        next(events)

        def end():
            if is_read:
                with pytest.raises(StreamInterruptedError):
                    list(events)
            stream.close()
            return "ended"

        assert run_in_child(end) == "ended"
        server.opened.set()
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Reply"


def test_a_fork_while_other_threads_hold_locks_does_not_block_calls(make_client, scripted):
    """
    The child has locks of its own, also in calls that were under way.
    """
    client = make_client(cache="memory")
    scripted.reply(body=chat_reply("Hi"))
    client.ask("Hello")
    cache = client._engine.cache
    with cache.flights._lock, cache.counter._lock, cache.layers[0].outage._lock, cache.layers[0].store._lock:
        text = run_in_child(lambda: client.ask("Hello").text)

    assert text == "Hi"


def test_a_request_in_an_event_loop_that_stopped_is_sent_again(server, monkeypatch):
    """
    A call in another loop does not wait for it until its deadline.
    """
    monkeypatch.setattr(sharing, "CHECK_SECONDS", 0.05)
    client = AsyncClient("local/tiny", cache="memory", settings=server.settings, retries=0)
    stopped = asyncio.new_event_loop()

    async def lead():
        first = asyncio.create_task(client.ask("Hello"))
        await asyncio.to_thread(server.arrived.acquire)
        follower = pool.submit(asyncio.run, client.ask("Hello", timeout=20))
        await asyncio.to_thread(wait_for_members, client, 2)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return follower

    with ThreadPoolExecutor(1) as pool:
        follower = stopped.run_until_complete(lead())
        server.arrived.acquire()
        server.opened.set()

        assert follower.result().text == "Reply 2"
    stopped.run_until_complete(client.close())
    stopped.close()
