"""Clients across `os.fork`, and clients that are closed while a thread starts a request."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

import budwood.client.shared
from budwood import AsyncClient, Client
from budwood.errors import BudwoodError
from tests.chat_server import ChatServer, completion
from tests.forking import run_in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture
def connections():
    """
    Return the client's port of each request, in order.
    """
    return []


@pytest.fixture
def server(connections):
    """
    Start a server that keeps connections open and echoes requests.
    """

    def answer(handler, body):
        connections.append(handler.client_address[1])
        handler.send(200, completion("tiny", body["messages"][-1]["content"]))

    with ChatServer(fault=lambda _number, body: lambda handler: answer(handler, body)) as server:
        yield server


@forking
def test_forked_processes_open_new_connections(server, connections):
    """
    Children do not use the parent's connection, which still works in the parent.
    """
    with Client("local/tiny", settings=server.settings) as client:
        assert client.ask("parent").text == "parent"
        assert run_in_child(lambda: client.ask("first").text) == "first"
        assert run_in_child(lambda: client.ask("second").text) == "second"
        assert client.ask("parent again").text == "parent again"

    first, one, two, again = connections
    assert first == again
    assert first not in (one, two)


@forking
def test_forked_async_clients_open_new_connections(server, connections):
    """
    An async client that was used in the parent works in an event loop of the child.
    """

    async def ask_in_both_processes():
        await client.ask("parent")
        return run_in_child(lambda: run_in_thread(lambda: asyncio.run(client.ask("child")).text))

    client = AsyncClient("local/tiny", settings=server.settings)

    async def run_scenario():
        try:
            return await ask_in_both_processes()
        finally:
            await client.close()

    assert asyncio.run(run_scenario()) == "child"
    assert len(set(connections)) == 2


def run_in_thread(work):
    """Return the result of a function in a thread without an event loop."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


@forking
def test_the_shared_client_opens_new_connections_after_a_fork(server, connections, monkeypatch):
    """
    `budwood.ask` works before and after a fork, even if another thread was creating the shared client.
    """
    with Client("local/tiny", settings=server.settings) as client:
        monkeypatch.setattr(budwood.client.shared, "_shared", client)
        assert budwood.ask("parent").text == "parent"
        with budwood.client.shared._shared_lock:
            assert run_in_child(lambda: str(budwood.client.shared._shared_lock.locked())) == "False"
        with client._lock:
            assert run_in_child(lambda: budwood.ask("child").text) == "child"
    assert len(set(connections)) == 2


@forking
def test_forked_clients_have_new_locks(make_client):
    """
    They build endpoints and limiters although another thread of the parent was building one.
    """
    client = make_client()
    endpoints, limiter = client._engine.endpoints, client._engine.endpoints.find_limiter()

    def use_in_child():
        locks = (endpoints._lock, limiter._lock)
        return f"{[lock.locked() for lock in locks]} {endpoints.get('offline').label}"

    with endpoints._lock, limiter._lock:
        assert run_in_child(use_in_child) == "[False, False] offline"


@forking
def test_forked_processes_have_different_random_numbers(make_client):
    """
    Delays and call ids differ between child processes.
    """
    client = make_client()

    def draw():
        return str(client._engine.random.getrandbits(64))

    assert len({run_in_child(draw), run_in_child(draw), draw()}) == 3


def test_closed_clients_create_no_transport():
    """
    A thread that waited for the lock during `close` gets an error, and creates no connections.
    """
    client = Client("openai/gpt-4o", api_key="sk-test-secret", cache=False)
    lock = client._lock

    class ClosingLock:
        def __enter__(self):
            client._lock = lock
            client.close()
            return lock.__enter__()

        def __exit__(self, *error):
            return lock.__exit__(*error)

    client._lock = ClosingLock()

    with pytest.raises(BudwoodError, match="closed"):
        client.ask("Hi")

    assert client._transport is None
