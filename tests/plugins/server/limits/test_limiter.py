"""The limiter of the gateway's client: budgets over all workers, through the client."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from budwood import AsyncClient, Settings
from budwood.contracts import InlineLimiter, Limiter, WakingLimiter
from budwood.errors import BudgetExceededError
from budwood.types import Claim, Denial
from budwood_server.limits import LeasedLimiter, Leases, Limiters, open_leases
from budwood_server.limits import limiter as limiter_module
from budwood_server.limits.redis_store import RedisLeaseStore
from budwood_server.limits.sql_store import SqlLeaseStore
from budwood_server.settings import ServerSettings
from budwood_testing import chat_reply
from tests.plugins.server.databases import open_database
from tests.plugins.server.limits.workers import MemoryStore, WorkersClock, claim
from tests.servers import MAX_WAIT

USAGE = {"prompt_tokens": 30, "completion_tokens": 20, "total_tokens": 50}
SETTINGS = {"providers": {"work": {"plugin": "openai", "api_key": "k"}}}
BUDGET = {"key/abc": {"tokens": 10_000, "per": "week"}}
VENDOR = Claim("work:requests", "rate", 60)


class VendorLimiter:
    """
    A limiter of vendors' limits that records the threads that call it, and denies on demand.
    """

    def __init__(self):
        self.threads = []
        self.denial = None
        self.cancelled = []

    def reserve(self, ticket, claims):
        self.threads.append(threading.get_ident())
        return self.denial

    def settle(self, ticket, claims, amounts):
        pass

    def cancel(self, ticket, claims):
        self.cancelled.append((ticket, tuple(claims)))

    def correct(self, claim, remaining, delay):
        self.corrected = claim

    def close(self):
        self.closed = True


@pytest.fixture
def store():
    """
    A store that two workers share.
    """
    return MemoryStore()


@pytest.fixture
def clock():
    """
    A clock during whose sleeps the workers do what they do in the background.
    """
    return WorkersClock()


@asynccontextmanager
async def open_clients(store, scripted, clock):
    """
    Open two clients of two workers, each with a budget of the same name.
    """
    workers = clock.workers = [Leases(store, clock, name) for name in ("one", "two")]
    limiters = [Limiters(worker).open(Settings.load({})) for worker in workers]
    clients = [
        AsyncClient("work/m", settings=SETTINGS, transport=scripted.asynchronous, clock=clock, limiter=limiter)
        for limiter in limiters
    ]
    try:
        yield [client.view(budgets=BUDGET) for client in clients]
    finally:
        for client in clients:
            await client.close()


def test_budget_holds_over_two_workers(store, scripted, clock):
    """
    A request that does not fit is refused by either worker, and the error says when the budget resets.
    """

    async def scenario():
        async with open_clients(store, scripted, clock) as (first, second):
            for client in (first, second):
                scripted.reply(body=chat_reply("Hi", usage=USAGE))
                await client.ask("Hello", max_tokens=1000)
            with pytest.raises(BudgetExceededError) as error:
                await second.ask("Hello", max_tokens=9600)
            return error.value, await first.budgets()

    error, (state,) = asyncio.run(scenario())

    assert error.left == 9900
    assert error.resets_at == state.resets_at
    assert state.resets_at.weekday() == 0
    assert state.spent == 100


def test_only_calls_that_lack_units_have_a_thread(store, scripted, clock, monkeypatch):
    """
    The first call leases units for the next ones, which ask neither a thread nor the store.
    """
    threads = []
    ensure = Leases.ensure

    async def record(self, claims):
        threads.append(len(scripted.calls))
        await ensure(self, claims)

    monkeypatch.setattr(Leases, "ensure", record)

    async def scenario():
        async with open_clients(store, scripted, clock) as (client, _):
            for _ in range(4):
                scripted.reply(body=chat_reply("Hi", usage=USAGE))
                await client.ask("Hello", max_tokens=100)

    asyncio.run(scenario())

    assert threads == [0]
    assert store.exchanges == 1


def test_concurrent_calls_stay_within_the_budget(store, scripted, clock):
    """
    Each reserves what it could use, so that exactly those are sent that fit.
    """

    async def scenario():
        async with open_clients(store, scripted, clock) as clients:
            for _ in range(20):
                scripted.reply(body=chat_reply("Hi", usage={**USAGE, "completion_tokens": 970, "total_tokens": 1000}))
            calls = (clients[number % 2].ask("Hello", max_tokens=1000) for number in range(20))
            replies = await asyncio.gather(*calls, return_exceptions=True)
            await clock.sleep_async(5)
            return [reply for reply in replies if isinstance(reply, BudgetExceededError)], await clients[0].budgets()

    refused, (state,) = asyncio.run(scenario())

    assert state.spent <= 10_000
    assert state.spent == 1000 * (20 - len(refused))


@pytest.fixture
def make(store):
    """
    Return a function that makes a limiter, inside an event loop.
    """

    def make_one(*, is_inline=True):
        vendors = VendorLimiter()
        return LeasedLimiter(Leases(store, WorkersClock()), vendors, is_vendors_inline=is_inline), vendors

    return make_one


def test_it_satisfies_the_contracts(make):
    """
    It tells which claims need no thread, and when to ask again.
    """

    async def scenario():
        limiter: Limiter = make()[0]
        return isinstance(limiter, InlineLimiter), isinstance(limiter, WakingLimiter)

    assert asyncio.run(scenario()) == (True, True)


@pytest.mark.parametrize(
    ("claims", "is_inline", "expected"),
    [
        ([VENDOR], True, True),
        ([VENDOR], False, False),
        ([VENDOR._replace(kind="quota", is_lasting=True)], True, False),
        ([claim(1)], False, True),
        ([claim(1), VENDOR], True, True),
        ([claim(1), VENDOR], False, False),
        ([claim(90)], True, False),
        ([claim(1, key="key/a/requests")], True, False),
    ],
)
def test_it_tells_which_claims_need_a_thread(make, claims, is_inline, expected):
    """
    Those that lack units, and those of a limiter of vendors' limits that may block.
    """

    async def scenario():
        limiter, _ = make(is_inline=is_inline)
        await limiter.ensure([claim(10)])
        return limiter.is_inline("t", claims), await asyncio.to_thread(limiter.is_inline, "t", claims)

    assert asyncio.run(scenario()) == (expected, False)


def test_denied_vendor_limit_gives_the_budget_back(make):
    """
    A ticket has all claims or none.
    """

    async def scenario():
        limiter, vendors = make()
        await limiter.ensure([claim(100)])
        vendors.denial = Denial(VENDOR, 1.0)
        denied = limiter.reserve("a", [claim(100), VENDOR])
        return denied, limiter.reserve("b", [claim(100)])

    assert asyncio.run(scenario()) == (Denial(VENDOR, 1.0), None)


def test_threads_wait_until_more_was_leased(make):
    """
    They settle and cancel, too.
    """

    async def scenario():
        limiter, _ = make()
        for ticket in ("a", "b"):
            assert await asyncio.to_thread(limiter.reserve, ticket, [claim(100)]) is None
            assert await asyncio.to_thread(limiter.reserve, ticket, [claim(100)]) is None
            await asyncio.to_thread(limiter.cancel, ticket, [claim(100)])
        assert await asyncio.to_thread(limiter.reserve, "c", [claim(100)]) is None
        await asyncio.to_thread(limiter.settle, "c", [claim(100)], {claim().key: 60.0})
        return await asyncio.to_thread(limiter.reserve, "d", [claim(50)])

    assert asyncio.run(scenario()).available == 40.0


def test_closed_loop_is_an_os_error(make):
    """
    Limiters raise such errors if they cannot count.
    """

    async def scenario():
        return make()[0]

    limiter = asyncio.run(scenario())
    errors = []

    def reserve():
        try:
            limiter.reserve("a", [claim(1)])
        except OSError as error:
            errors.append(str(error))

    thread = threading.Thread(target=reserve)
    thread.start()
    thread.join()

    assert errors == ["Cannot count limits: Event loop is closed"]


def test_waiting_tickets_are_woken(make, monkeypatch):
    """
    Also if the limiter of vendors' limits does not tell when.
    """

    async def scenario():
        limiter, _ = make()
        woken = asyncio.Event()
        limiter.watch("t", woken.set)
        return await asyncio.wait_for(woken.wait(), MAX_WAIT)

    monkeypatch.setattr(limiter_module, "POLL_SECONDS", 0.0)

    assert asyncio.run(scenario())


def test_store_is_that_of_the_settings(sqlite_url, clock):
    """
    Redis is used only if it is named.
    """

    async def scenario():
        async with open_database(sqlite_url) as database:
            stores = []
            for settings in ({}, {"redis": "redis://127.0.0.1:1/0"}):
                leases = open_leases(ServerSettings(**settings), database, clock)
                stores.append(leases._store)
                await leases.stop()
            return [type(store) for store in stores]

    assert asyncio.run(scenario()) == [SqlLeaseStore, RedisLeaseStore]


def test_reload_keeps_the_counts_of_vendors_limits(store, clock, tmp_path):
    """
    Unless the settings of their limiter have changed.
    """

    async def scenario():
        limiters = Limiters(Leases(store, clock))
        first, same = (limiters.open(Settings.load({})) for _ in range(2))
        other = limiters.open(Settings.load({"limiters": {"local": {"path": str(tmp_path / "limits")}}}))
        limiters.close()
        return first._vendors is same._vendors, first._vendors is other._vendors

    assert asyncio.run(scenario()) == (True, False)
