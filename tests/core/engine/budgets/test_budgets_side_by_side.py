"""Budgets that many calls, clients and processes use at the same time: none is overshot."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from budwood import AsyncClient, ChatResponse, Client
from budwood.clock import SystemClock
from budwood.engine.budgets.worst_case import HIDDEN_TOKENS
from budwood.errors import BudgetExceededError
from tests.core.engine.budgets.billing_server import BillingServer
from tests.servers import MAX_WAIT

IN_FLIGHT = 256
LIMIT = 40_000
MILLION = 1_000_000
MAX_TOKENS = 200
PATIENCE = {"connect_timeout": MAX_WAIT, "idle_timeout": MAX_WAIT}
"""On a busy machine hundreds of connections take a while."""

MOST = HIDDEN_TOKENS + MAX_TOKENS + 200
"""More than the most tokens of a request."""


class OwnClock:
    """
    The clock of the system, on which sleeping returns immediately.

    Clients with a clock of their own do not share limits with those of other tests.
    """

    def __init__(self):
        self._clock = SystemClock()

    def __getattr__(self, name):
        return getattr(self._clock, name)

    def sleep(self, seconds, *, wake=None):
        pass

    async def sleep_async(self, seconds):
        await asyncio.sleep(0)


@pytest.fixture
def server():
    """
    Start a server that holds its replies until all calls of a wave have arrived, or have been refused.
    """
    with BillingServer() as server:
        yield server


def ask_many_blocking(server, number, concurrency, budgets):
    """
    Ask from threads, and return the replies and the state of the budgets.
    """
    options = {"settings": server.settings, "observers": [server], "clock": OwnClock(), "budgets": budgets, **PATIENCE}
    with Client("bills/m", **options) as client:
        replies = client.ask_many(["Hello"] * number, concurrency=concurrency, max_tokens=MAX_TOKENS).in_order()
        return replies, client.budgets()


def ask_many_async(server, number, concurrency, budgets):
    """
    Ask from tasks, and return the replies and the state of the budgets.
    """
    options = {"settings": server.settings, "observers": [server], "clock": OwnClock(), "budgets": budgets, **PATIENCE}

    async def run():
        async with AsyncClient("bills/m", **options) as client:
            replies = await client.ask_many(
                ["Hello"] * number, concurrency=concurrency, max_tokens=MAX_TOKENS
            ).in_order()
            return replies, await client.budgets()

    return asyncio.run(run())


@pytest.mark.parametrize("ask_many", [ask_many_blocking, ask_many_async])
@pytest.mark.parametrize("per", ["client", "month"])
@pytest.mark.parametrize("unit", ["dollars", "tokens"])
def test_256_calls_in_flight_do_not_overshoot(server, ask_many, per, unit):
    """
    As many calls are sent as could cost the whole budget; the server bills no more than that, at any moment.
    """
    limit = {"tokens": LIMIT} if unit == "tokens" else {"dollars": LIMIT / MILLION}
    server.expected = IN_FLIGHT

    replies, (state,) = ask_many(server, IN_FLIGHT, IN_FLIGHT, {"all": {**limit, "per": per}})

    sent = [reply for reply in replies if not isinstance(reply, BudgetExceededError)]
    assert len(sent) == server.arrived == IN_FLIGHT - server.refused
    assert LIMIT / 2 < server.billed < LIMIT
    assert sum(reply.usage.total_tokens for reply in sent) == server.billed
    assert state.spent == (server.billed if unit == "tokens" else state.limit * server.billed / LIMIT)


@pytest.mark.parametrize("ask_many", [ask_many_blocking, ask_many_async])
def test_what_calls_did_not_use_is_spent_by_later_ones(server, ask_many):
    """
    Once they are settled, calls use the budget until the next one would not fit.
    """
    _, (state,) = ask_many(server, 400, 4, {"all": {"tokens": LIMIT, "per": "client"}})

    assert LIMIT - 4 * MOST < server.billed <= LIMIT
    assert state.spent == server.billed


@pytest.mark.parametrize("ask_many", [ask_many_blocking, ask_many_async])
@pytest.mark.parametrize("per", ["client", "month"])
def test_failures_are_never_counted_too_low(ask_many, per):
    """
    With errors, broken connections and retries, the budget counts at least what was billed, and at most its limit.
    """
    with BillingServer(faults=True) as server:
        replies, (state,) = ask_many(server, 200, 16, {"all": {"tokens": LIMIT, "per": per}})

    assert server.billed <= state.spent <= LIMIT
    assert state.spent > LIMIT - 16 * MOST
    assert sum(reply.usage.total_tokens for reply in replies if isinstance(reply, ChatResponse)) < server.billed


# Processes.

PROGRAM = """
import json, sys
from budwood import Client

settings = json.loads(sys.argv[1])
with Client("bills/m", settings=settings, budgets={"shared": {"tokens": int(sys.argv[2]), "per": "month"}}) as client:
    number, concurrency = int(sys.argv[3]), int(sys.argv[4])
    replies = client.ask_many(["Hello"] * number, concurrency=concurrency, max_tokens=200).in_order()
print(sum(not isinstance(reply, Exception) for reply in replies))
"""


def start(server, number, concurrency):
    """
    Start a process that asks many prompts with a budget per month.
    """
    command = [sys.executable, "-c", PROGRAM, json.dumps(server.settings), str(LIMIT), str(number), str(concurrency)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ""})


def read_state(server):
    """
    Return the state of the shared budget, from this process.
    """
    budgets = {"shared": {"tokens": LIMIT, "per": "month"}}
    with Client("bills/m", settings=server.settings, clock=OwnClock(), budgets=budgets) as client:
        return client.budgets()[0]


def test_processes_share_a_budget(server):
    """
    Two processes together spend no more than the budget, and their counts outlast them.
    """
    server.expected = 8  # both have sent something
    processes = [start(server, 200, 4), start(server, 200, 4)]

    sent = [int(process.communicate()[0]) for process in processes]

    assert sum(sent) == server.arrived < 400
    assert min(sent) >= 4
    assert LIMIT - 8 * MOST < server.billed <= LIMIT
    assert read_state(server).spent == server.billed


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_process_reserves_although_a_thread_held_the_lock(server):
    """
    A lock that another thread held during the fork is replaced in the child.
    """
    options = {"settings": server.settings, "budgets": {"all": {"tokens": LIMIT, "per": "client"}}}
    with Client("bills/m", **options) as client:
        with client._engine.budgets[0]._lock:
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = 0 if client.ask("Hello", max_tokens=5).text == "Hi" else 2
                finally:
                    os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


def test_reservations_of_a_killed_process_remain(server):
    """
    Its requests may have been charged, so they stay reserved until the end of the period.
    """
    server.expected = MILLION  # no reply is sent
    process = start(server, 8, 8)
    assert server.wait_for_arrivals(8)

    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert read_state(server).spent >= server.billed
    assert read_state(server).spent >= 8 * (MAX_TOKENS + HIDDEN_TOKENS)
