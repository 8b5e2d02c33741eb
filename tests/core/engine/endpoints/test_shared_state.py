"""The state of endpoints that clients of a process share, across threads and forks."""

from __future__ import annotations

import gc
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from budwood.clock import SystemClock
from budwood.engine.endpoints import shared_state
from budwood.engine.endpoints.shared_state import Affinity, SharedState, find_state
from budwood.errors import ServerError
from budwood_testing import FakeClock, ScriptedTransport, reset_endpoints
from tests.forking import run_in_child

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


class Pool:
    """
    Stands for the keys of an endpoint.
    """

    def __init__(self):
        self.resets = 0

    def reset(self):
        self.resets += 1


class SlottedTransport:
    """
    An object that cannot be referenced weakly.
    """

    __slots__ = ()


def fail(health):
    """
    Record a failure.
    """
    health.fail(ServerError("No."), 0.0, 0.0, random.Random(0))


# Which clients share it.


def test_clients_with_the_clock_of_the_system_share_one_state():
    """
    The transport may be one that they create, by its name or by default. A subclass of the clock may show another time.
    """

    class OtherClock(SystemClock):
        pass

    assert find_state(SystemClock(), None) is find_state(SystemClock(), "auto")
    assert find_state(SystemClock(), None) is not find_state(OtherClock(), None)


@pytest.mark.parametrize("own", [ScriptedTransport, FakeClock])
def test_clients_share_the_state_of_their_own_objects(own):
    """
    A transport, or else a clock, that the program passes has a state of its own, which ends with it.
    """
    first, second = own(), own()
    find = (lambda own: find_state(own, None)) if own is FakeClock else partial(find_state, SystemClock())

    assert find(first) is find(first)
    assert len({id(state) for state in (find(first), find(second), find_state(SystemClock(), None))}) == 3
    key = id(first)
    assert key in shared_state._by_id
    del first
    gc.collect()
    assert key not in shared_state._by_id
    assert find(second) is find(second)


def test_an_object_without_weak_references_has_a_new_state():
    """
    It would never be forgotten.
    """
    own = SlottedTransport()

    assert find_state(SystemClock(), own) is not find_state(SystemClock(), own)


# Its parts.


def test_threads_get_the_same_parts():
    """
    Each is created once.
    """
    with ThreadPoolExecutor(8) as threads:
        for _ in range(50):
            state = SharedState()
            healths = set(threads.map(state.health, ["endpoint"] * 32))
            pools = set(threads.map(lambda _, state=state: state.pool("endpoint", Pool), range(32)))

            assert len(healths) == len(pools) == 1


def test_endpoints_that_no_client_has_are_forgotten_in_turn(monkeypatch):
    """
    The last ones are kept for later clients; those that a client has are always shared, and reset.
    """
    monkeypatch.setattr(shared_state, "_MAX_RECENT", 3)
    state = SharedState()
    used = state.health("used")
    fail(state.health("first"))
    for number in range(3):
        fail(state.health(f"other-{number}"))
    fail(used)
    gc.collect()

    assert state.health("first").last_error is None
    assert state.health("other-2").last_error == "ServerError"
    assert state.health("used") is used
    state.reset()
    assert used.last_error is None


def test_threads_rotate_in_turn():
    """
    No turn is given twice.
    """
    state = SharedState()
    with ThreadPoolExecutor(8) as threads:
        turns = list(threads.map(state.next_rotation, ["endpoints"] * 500))

    assert sorted(turns) == list(range(500))


def test_the_last_conversations_are_remembered(monkeypatch):
    """
    The one that was used least recently is forgotten first.
    """
    monkeypatch.setattr(shared_state, "_MAX_CONVERSATIONS", 3)
    state = SharedState()
    for number in range(3):
        state.conversations.set(f"c{number}", Affinity("openai", f"group-{number}"))
    state.conversations.get("c0")
    state.conversations.set("c3", Affinity("openai#2"))

    assert state.conversations.get("c1") is None
    assert state.conversations.get("c0") == ("openai", "group-0")
    assert state.conversations.get("c3") == ("openai#2", None)


def test_a_reset_keeps_the_objects():
    """
    Endpoints hold them.
    """
    state = SharedState()
    health, pool = state.health("endpoint"), state.pool("endpoint", Pool)
    fail(health)
    state.conversations.set("conversation", Affinity("openai"))
    state.next_rotation("endpoints")

    reset_endpoints()

    assert (state.health("endpoint"), state.pool("endpoint", Pool)) == (health, pool)
    assert (health.last_error, health.failures, pool.resets) == (None, 0, 1)
    assert (state.conversations.get("conversation"), state.next_rotation("endpoints")) == (None, 0)


# Forks.


@forking
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_while_threads_hold_all_locks():
    """
    The child gets new locks in the same objects, and knows nothing of failures; the parent keeps its state.
    """
    clock = FakeClock()
    state = find_state(clock, None)
    health = state.health("endpoint")
    for _ in range(3):
        fail(health)
    health.running.add(1)
    is_held, is_done = threading.Event(), threading.Event()

    def hold():
        with shared_state._lock, state._lock, health._lock:
            is_held.set()
            is_done.wait()

    def use_in_child():
        find_state(FakeClock(), None).conversations.set("conversation", Affinity("openai"))
        same = find_state(clock, None).health("endpoint")
        before = (same is health, same.breaker(), same.failures, len(same.running), same.calls(0.0))
        fail(same)
        state.next_rotation("endpoints")
        return (*before, same.failures)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    try:
        output = run_in_child(use_in_child)
    finally:
        is_done.set()
        holder.join()

    assert output == str((True, "closed", 0, 0, (0, 0), 1))
    assert (health.breaker(), health.failures, len(health.running)) == ("open", 3, 1)
