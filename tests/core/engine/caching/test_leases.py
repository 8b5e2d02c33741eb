"""
One of several processes sends a request. Here they are clients with a cache in common.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from budwood import AsyncClient, Client, RequestTimeoutError
from budwood.clock import SystemClock
from budwood.engine.caching.leases import Lease
from budwood_testing import ManualClock, chat_reply
from tests.chat_server import ChatServer, failure
from tests.core.engine.caching.held_cache import LeasingCache
from tests.held_server import HeldServer, wait_for_members


@pytest.fixture
def server():
    """
    A server that holds its replies.
    """
    with HeldServer() as server:
        yield server


class ShiftedClock(SystemClock):
    """
    The clock of the system, with another time of day.
    """

    shift = 0.0

    def time(self):
        return time.time() + self.shift


def connect(server, cache, **options):
    """
    Create a client, which stands for a process.
    """
    return Client("local/tiny", cache=cache, settings=server.settings, retries=0, **options)


def test_a_lease_is_taken_renewed_and_released(server):
    """
    It is renewed at a third of its time while the request is under way.
    """
    cache = LeasingCache()
    with connect(server, cache, cache_lease=0.03) as client, ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.ask, "Hello")
        server.arrived.acquire()
        while len(cache.calls) < 4:
            threading.Event().wait(0.001)
        server.opened.set()
        future.result()

    assert set(cache.calls[:-1]) == {("acquire", "acquired")}
    assert cache.calls[-1] == ("release", True, 5.0)
    assert cache.owners == {}


def test_another_process_waits_for_the_reply(server):
    """
    It gets the stored reply, and nothing is sent.
    """
    cache = LeasingCache()
    with connect(server, cache) as one, connect(server, cache) as two, ThreadPoolExecutor(2) as pool:
        first = pool.submit(one.ask, "Hello")
        server.arrived.acquire()
        second = pool.submit(two.ask, "Hello")
        while ("acquire", "held") not in cache.calls:
            threading.Event().wait(0.001)
        server.opened.set()

        assert (first.result().cached, second.result().cached) == (False, True)
    assert len(server.requests) == 1
    assert cache.owners == {}


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_those_that_wait_for_a_reply_that_is_not_stored_learn_that(make_client, scripted, finish):
    """
    They send their own requests at the same time.
    """
    cache = LeasingCache()
    reply = chat_reply("Hi")
    reply["choices"][0]["finish_reason"] = finish
    scripted.reply(body=reply)
    make_client(cache=cache).ask("Hello")

    assert cache.calls[-1] == ("release", False, 5.0)


def test_one_that_is_told_that_no_reply_is_kept_sends_its_request(make_client, scripted):
    """
    It does not wait.
    """

    class NotKept(LeasingCache):
        def acquire(self, key, owner, seconds):
            return "not kept"

    scripted.reply(body=chat_reply("Hi"))

    assert make_client(cache=NotKept()).ask("Hello").text == "Hi"


def test_a_reply_of_an_earlier_round_does_not_count_as_kept(make_client, scripted):
    """
    The second reply of a call with tools is not stored.
    """
    cache = LeasingCache()
    call = chat_reply("")
    function = {"name": "count", "arguments": "{}"}
    message = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    call["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    last = chat_reply("Hi")
    last["choices"][0]["finish_reason"] = "length"
    scripted.reply(body=call).reply(body=last)

    def count() -> int:
        """Count."""
        return 3

    make_client(cache=cache, cache_tool_calls=True).ask("Hello", tools=[count])

    assert [kept for kind, kept, *_ in cache.calls if kind == "release"] == [True, False]


def test_the_reply_of_a_fallback_is_not_kept_for_others():
    """
    They would not find it under the key of the first model, so they do not wait for each other.
    """
    cache = LeasingCache()
    with ChatServer(fault=lambda *_: failure(500)) as first, ChatServer() as second:
        settings = {
            "providers": {**first.settings["providers"], "other": second.settings["providers"]["local"]},
        }
        with Client("local/tiny", cache=cache, settings=settings, fallbacks=["other/m"], retries=0) as client:
            client.ask("Hello")

    assert cache.calls[-1] == ("release", False, 5.0)


def test_after_an_error_those_that_wait_send_their_own_requests(make_client, scripted):
    """
    They learn that there is no reply.
    """
    cache = LeasingCache()
    scripted.reply(400, body={"error": {"message": "no"}})
    with pytest.raises(Exception, match="no"):
        make_client(cache=cache).ask("Hello")

    assert cache.calls[-1] == ("release", False, 5.0)


def test_after_a_call_that_was_given_up_one_of_those_that_wait_takes_over(server):
    """
    They do not all send requests.
    """
    cache, clock = LeasingCache(), ManualClock(time.monotonic())  # the transport uses the time of the system
    with connect(server, cache, clock=clock) as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.ask, "Hello", timeout=10)
        server.arrived.acquire()
        clock.advance(10)
        with pytest.raises(RequestTimeoutError):
            asked.result()

    assert cache.calls[-1] == ("release", True, 5.0)


def test_refreshing_does_not_wait_for_another_process(make_client, scripted):
    """
    It sends its request without the lease.
    """
    cache = LeasingCache()
    client = make_client(cache=cache)
    scripted.reply(body=chat_reply("old")).reply(body=chat_reply("new"))
    client.ask("Hello")
    (key,) = cache.values
    cache.owners[key] = "another process"

    assert client.ask("Hello", cache="refresh").text == "new"
    assert client.ask("Hello").text == "new"


def test_refreshing_at_the_same_time_sends_one_request_in_a_process(server):
    """
    Equal calls that refresh share it, as others do.
    """
    with connect(server, "memory") as client, ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(client.ask, "Hello", cache="refresh") for _ in range(5)]
        wait_for_members(client, 5)
        server.opened.set()

        assert {future.result().text for future in futures} == {"Reply 1"}


def test_a_stale_reply_is_requested_once_by_all_processes(server):
    """
    A process that waits for the lease finds the reply that another one has refreshed.
    """
    cache, clock = LeasingCache(), ShiftedClock()
    options = {"cache_ttl": 1000, "cache_stale": 1000, "clock": clock}
    server.opened.set()
    with connect(server, cache, **options) as one, connect(server, cache, **options) as two:
        one.ask("Hello")
        server.opened.clear()
        clock.shift = 1500.0
        (key,) = cache.values

        assert two.ask("Hello").text == "Reply 1"  # and begins to refresh it, with the lease
        while key not in cache.owners or len(server.requests) < 2:
            threading.Event().wait(0.001)
        assert one.ask("Hello").text == "Reply 1"
        while ("acquire", "held") not in cache.calls:
            threading.Event().wait(0.001)
        server.opened.set()
        while one._engine.cache.flights.refreshing or two._engine.cache.flights.refreshing:
            threading.Event().wait(0.001)

        assert one.ask("Hello").text == "Reply 2"
    assert len(server.requests) == 2


def test_a_task_that_is_cancelled_while_it_takes_the_lease_releases_it(server):
    """
    A thread may take it after that.
    """
    entered, opened = threading.Event(), threading.Event()

    class Slow(LeasingCache):
        def acquire(self, key, owner, seconds):
            entered.set()
            opened.wait(30)
            return super().acquire(key, owner, seconds)

    cache = Slow()

    async def work():
        async with AsyncClient("local/tiny", cache=cache, settings=server.settings) as client:
            task = asyncio.create_task(client.ask("Hello"))
            await asyncio.to_thread(entered.wait)
            task.cancel()
            threading.Timer(0.05, opened.set).start()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())

    assert cache.owners == {}
    assert server.requests == []


def test_a_cache_whose_leases_fail_does_not_fail_calls(make_client, scripted):
    """
    The request is sent without one.
    """

    class Broken(LeasingCache):
        def acquire(self, key, owner, seconds):
            raise OSError("no leases")

    scripted.reply(body=chat_reply("Hi"))
    client = make_client(cache=Broken())

    assert (client.ask("Hello").cached, client.ask("Hello").cached) == (False, True)


def test_clients_have_owners_of_their_own_after_a_fork(make_client, scripted):
    """
    A parent and its child never hold the same lease, although they have the same random numbers.
    """
    owners = []

    class Noting(LeasingCache):
        def acquire(self, key, owner, seconds):
            owners.append(owner)
            return super().acquire(key, owner, seconds)

    client = make_client(cache=Noting())
    state = client._engine.random.getstate()
    for name in ("one", "two"):
        scripted.reply(body=chat_reply(name))
        client._engine.random.setstate(state)
        client.ask(name)

    assert len(set(owners)) == 2


def test_a_thread_that_starts_after_the_release_does_not_take_the_lease(make_client):
    """
    The executor may start it late, when the task was cancelled and has released the lease.
    """
    cache = LeasingCache()
    with make_client(cache=cache) as client:
        layer = client._engine.cache.leasing
        call = SimpleNamespace(options=client._engine.options)
    lease = Lease(call, layer, "key")
    late = next(lease.acquire())
    (release,) = lease.release(kept=True)
    release.function()
    late.function()

    assert cache.owners == {}


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lease_whose_answer_is_lost_is_released(server, lost):
    """
    The store may have granted or renewed it, and other processes would wait until it ends.
    """

    class Lossy(LeasingCache):
        def acquire(self, key, owner, seconds):
            state = super().acquire(key, owner, seconds)
            if len(self.calls) >= lost:
                raise OSError("The connection was lost")
            return state

    cache = Lossy()
    with connect(server, cache, cache_lease=0.03) as client, ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.ask, "Hello")
        server.arrived.acquire()
        while len(cache.calls) < lost:
            threading.Event().wait(0.001)
        server.opened.set()
        future.result()

    assert cache.owners == {}
