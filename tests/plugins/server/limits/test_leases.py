"""Leases of several workers: nothing is overshot, and nothing is stranded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budwood.types import Denial
from budwood_server.limits.counts import LEASE_SECONDS, SPARE_SHARE
from budwood_server.limits.holdings import FIRST_CALLS, IDLE_SECONDS, REFUSED_SECONDS, RENEW_SECONDS
from budwood_server.limits.sql_store import SqlLeaseStore
from tests.plugins.server.databases import open_database
from tests.plugins.server.limits.workers import MemoryStore, Workers, claim, find_count, reserve

LIMIT = 100

PROGRAM = """
import asyncio, sys
from budwood_server.database import Database
from budwood_server.limits.leases import Leases
from budwood_server.limits.sql_store import SqlLeaseStore
from tests.plugins.server.limits.workers import SystemClock, claim, reserve

async def main():
    sys.stdin.readline()
    worker = Leases(SqlLeaseStore(Database(sys.argv[1])), SystemClock())
    for number in range(1000):
        assert await reserve(worker, str(number), claim(1, limit=1000)) is None
        worker.settle(str(number), {})
        print("granted", flush=True)

asyncio.run(main())
"""


def run(scenario, count=2):
    """
    Run a coroutine function with workers whose store is in memory.
    """

    async def main():
        return await scenario(Workers(MemoryStore(), count))

    return asyncio.run(main())


async def take_all(worker, amount=1.0, limit=LIMIT):
    """
    Reserve and settle until a call is denied; return the number of calls.
    """
    for number in range(10_000):
        ticket = f"{worker.worker}-{number}-{amount}"
        if await reserve(worker, ticket, claim(amount, limit)) is not None:
            return number
        worker.settle(ticket, {})
    raise AssertionError("never denied")


# The property: whatever workers do, all together stay within the limit.

STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(
            st.tuples(st.just("reserve"), st.integers(1, 60)),
            st.tuples(st.just("settle"), st.floats(0, 1)),
            st.tuples(st.just("cancel"), st.none()),
            st.tuples(st.just("wait"), st.sampled_from([0.25, 1.0, 4.0, 12.0, 30.0])),
            st.tuples(st.just("kill"), st.none()),
            st.tuples(st.just("stop"), st.none()),
        ),
    ),
    max_size=40,
)


class Run:
    """
    Performs steps, and checks that what was granted stays within the limit.
    """

    def __init__(self, store):
        self.workers = Workers(store, count=3)
        self.open = []
        self.used = 0.0
        self.number = 0

    @property
    def taken(self):
        return self.used + sum(amount for _, _, amount in self.open)

    async def perform(self, index, name, argument):
        worker = self.workers[index]
        if name == "reserve":
            await self.reserve(worker, argument)
        elif name in ("settle", "cancel") and self.open:
            self.end(index % len(self.open), argument if name == "settle" else 0.0)
        elif name == "wait":
            await self.workers.pass_time(argument)
        elif name in ("kill", "stop"):
            if name == "stop":
                await worker.stop()
            self.workers.kill(worker)
            self.workers.start()
            lost = [entry for entry in self.open if entry[0] is worker]
            self.open = [entry for entry in self.open if entry[0] is not worker]
            self.used += sum(amount for _, _, amount in lost)  # the calls may have used it
        assert self.taken <= LIMIT

    async def reserve(self, worker, amount):
        self.number += 1
        ticket = str(self.number)
        if await reserve(worker, ticket, claim(amount)) is None:
            self.open.append((worker, ticket, amount))

    def end(self, index, share):
        worker, ticket, amount = self.open.pop(index)
        used = float(round(share * amount))
        worker.settle(ticket, {claim().key: used})
        self.used += used

    async def check_that_nothing_is_stranded(self):
        """
        What is left can be used by any worker, at once, if none was killed and nothing was refused a moment ago.
        """
        self.workers.clock.advance(REFUSED_SECONDS)
        left = LIMIT - self.taken
        if left:
            assert await reserve(self.workers[0], "last", claim(left)) is None
        assert await reserve(self.workers[1], "more", claim(1)) is not None


async def perform_all(store, steps):
    """
    Perform steps with workers of a store.
    """
    case = Run(store)
    for index, (name, argument) in steps:
        await case.perform(index, name, argument)
    if not any(name == "kill" for _, (name, _) in steps):
        await case.check_that_nothing_is_stranded()


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_workers_never_overshoot_a_limit(steps):
    """
    Whatever they reserve, settle and return, and whoever is killed. And unless one was killed, all can be used.
    """
    asyncio.run(perform_all(MemoryStore(), steps))


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_workers_never_overshoot_a_limit_in_a_file(tmp_path_factory, steps):
    """
    The same with the database.
    """

    async def main():
        async with open_database(f"sqlite:///{tmp_path_factory.mktemp('limits')}/server.sqlite3") as database:
            await perform_all(SqlLeaseStore(database), steps)

    asyncio.run(main())


@pytest.mark.parametrize("amount", [1.0, 7.0, 40.0])
def test_concurrent_calls_never_overshoot(amount):
    """
    Calls of several workers at the same time get all of the limit, and no more.
    """

    async def scenario(workers):
        calls = (reserve(workers[number % 3], str(number), claim(amount)) for number in range(150))
        return [denial for denial in await asyncio.gather(*calls) if denial is None]

    assert len(run(scenario, count=3)) == LIMIT // amount


@pytest.mark.parametrize("count", [2, 3])
def test_background_work_disturbs_no_call(count):
    """
    Whatever it renews, returns and forgets while the store is asked: calls get all of the limit.
    """

    async def scenario(workers):
        ended = asyncio.Event()

        async def refresh(worker):
            while not ended.is_set():
                await worker.refresh()
                await asyncio.sleep(0)

        background = [asyncio.create_task(refresh(worker)) for worker in workers.clock.workers]
        granted = []
        for limit in range(1, 20):
            calls = (
                reserve(workers[number % count], f"{limit}-{number}", claim(1, limit=limit, key=f"budget/{limit}"))
                for number in range(25)
            )
            granted.append(sum(denial is None for denial in await asyncio.gather(*calls)))
        ended.set()
        await asyncio.gather(*background)
        return granted

    assert run(scenario, count) == [*range(1, 20)]


# The way of one call.


def test_calls_use_what_was_leased_ahead():
    """
    Of calls in a row only few ask the store, fewer the longer it lasts.
    """

    async def scenario(workers):
        for number in range(1000):
            assert await reserve(workers[0], str(number), claim(1, limit=1_000_000)) is None
            workers[0].settle(str(number), {})
        return workers.store.exchanges

    assert run(scenario) < 12


def test_calls_at_a_steady_rate_ask_nothing():
    """
    The background leases ahead of use.
    """

    async def scenario(workers):
        await reserve(workers[0], "first", claim(1, limit=1_000_000))
        denied = 0
        for second in range(10):
            for number in range(2):
                denied += not workers[0].can_decide([claim(1, limit=1_000_000)])
                workers[0].reserve(f"{second}-{number}", [claim(1, limit=1_000_000)])
                workers[0].settle(f"{second}-{number}", {})
            await workers.pass_time(1)
        return denied

    assert run(scenario) == 0


def test_denial_says_what_is_left_and_when_it_resets():
    """
    What other workers have used or reserved is not left.
    """

    async def scenario(workers):
        resets_at = workers.clock.time() + 3600
        await reserve(workers[0], "a", claim(60, resets_at=resets_at))
        return await reserve(workers[1], "b", claim(50, resets_at=resets_at)), claim(50, resets_at=resets_at)

    denial, denied = run(scenario)

    assert denial == Denial(denied, pytest.approx(3600, abs=5), 40.0)


def test_settled_units_are_free_again():
    """
    A call that used less than it reserved leaves the rest to others.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(100))
        workers[0].settle("a", {claim().key: 30.0})
        return [await reserve(workers[1], "b", claim(70)), await reserve(workers[1], "c", claim(1))]

    free, full = run(scenario)

    assert free is None
    assert full.available == 0.0


def test_repetition_changes_nothing():
    """
    A granted ticket takes nothing more; settling and cancelling twice does nothing.
    """

    async def scenario(workers):
        assert await reserve(workers[0], "a", claim(60)) is None
        assert workers[0].reserve("a", [claim(60)]) is None
        for _ in range(2):
            workers[0].settle("a", {claim().key: 10.0})
            workers[0].cancel("a")
        return await reserve(workers[0], "b", claim(90)), await reserve(workers[0], "c", claim(1))

    free, full = run(scenario)

    assert free is None
    assert full is not None


def test_claims_are_taken_together_or_not_at_all():
    """
    A claim without room leaves the others.
    """
    other = claim(1, limit=1, key="budget/b/tokens/day")

    async def scenario(workers):
        await reserve(workers[1], "before", other)
        denial = await reserve(workers[0], "a", claim(60), other)
        return denial.claim, await reserve(workers[0], "b", claim(100))

    assert run(scenario) == (other, None)


def test_periods_have_counts_of_their_own():
    """
    The next period begins anew, and the old one is removed.
    """

    async def scenario(workers):
        resets_at = workers.clock.time() + 60
        first = await take_until_denied(workers[0], resets_at)
        await workers.pass_time(60)
        second = await take_until_denied(workers[1], resets_at + 60)
        await workers.pass_time(600, step=30)
        return first, second, len(workers.store.counts)

    async def take_until_denied(worker, resets_at):
        number = 0
        while await reserve(worker, f"{resets_at}-{number}", claim(1, resets_at=resets_at)) is None:
            number += 1
        return number

    assert run(scenario) == (LIMIT, LIMIT, 0)


# What one worker holds, and another one needs.


def test_the_last_units_are_not_stranded():
    """
    A worker returns what it has in reserve if another one needs it, within a second or two.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(10))
        held = find_count(workers.store).leases[workers[0].worker]
        denial = await reserve(workers[1], "b", claim(90))
        return held.idle, denial, workers.clock.monotonic()

    idle, denial, ended = run(scenario)

    assert 0 < idle <= LIMIT * SPARE_SHARE
    assert denial is None
    assert ended - 1000.0 < 1.0


def test_reserves_shrink_with_what_is_left():
    """
    So a killed worker loses little of a limit that is nearly used up.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(96))
        await reserve(workers[1], "b", claim(1))
        return find_count(workers.store).leases[workers[1].worker].idle

    assert run(scenario) <= 1 + SPARE_SHARE * 3


def test_units_in_reserve_are_returned_after_a_few_seconds():
    """
    A worker that has no more calls of a key holds nothing of it.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(1))
        workers[0].settle("a", {})
        await workers.pass_time(IDLE_SECONDS + 0.5)
        count = find_count(workers.store)
        return count.used, count.leases

    assert run(scenario) == (1.0, {})


def test_refused_calls_do_not_ask_the_store_each_time():
    """
    A client that sends on although its budget is used up costs nothing.
    """

    async def scenario(workers):
        await take_all(workers[0])
        before = workers.store.exchanges
        for number in range(1000):
            assert workers[0].can_decide([claim(1)]) or number == 0
            assert await reserve(workers[0], str(number), claim(1)) is not None
        return workers.store.exchanges - before

    assert run(scenario) <= 1


def test_a_larger_limit_is_used_at_once_and_a_smaller_one_holds():
    """
    Settings can change while leases last.
    """

    async def scenario(workers):
        used = await take_all(workers[0], limit=10)
        more = await take_all(workers[0], amount=2.0, limit=20)
        await reserve(workers[1], "lease", claim(1, limit=1000, key="other"))
        return used, more, await reserve(workers[1], "lower", claim(1, limit=1, key="other"))

    used, more, denial = run(scenario)

    assert (used, more) == (10, 5)
    assert denial is not None


# Workers that end.


def test_stopped_worker_returns_its_leases():
    """
    What was used stays counted.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(10))
        workers[0].settle("a", {claim().key: 7.0})
        await workers[0].stop()
        count = find_count(workers.store)
        return count.used, count.leases

    assert run(scenario) == (7.0, {})


def test_lease_of_a_killed_worker_ends():
    """
    What it held counts as used, because what it used is not known; the rest is free, also what it had not leased.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(10))
        held = find_count(workers.store).leases[workers[0].worker].amount
        workers.kill(workers[0])
        await workers.pass_time(LEASE_SECONDS + 1)
        used = await take_all(workers[0])
        return held, used, find_count(workers.store).leases.keys()

    held, used, leases = run(scenario)

    assert 10 <= held <= 10 + LIMIT * SPARE_SHARE
    assert used == LIMIT - held
    assert "worker-1" not in leases


def test_killed_process_has_not_raised_the_limit(sqlite_url):
    """
    A process that is killed in the middle of its calls has committed what it leased, so that the others do not use it.
    """
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, sqlite_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    )

    async def scenario():
        async with open_database(sqlite_url) as database:
            await asyncio.to_thread(program.stdin.write, "\n")
            await asyncio.to_thread(program.stdin.close)
            granted = await asyncio.to_thread(count_until_killed, program)
            workers = Workers(SqlLeaseStore(database), 1)
            workers.clock.advance(time.time() - workers.clock.time() + LEASE_SECONDS + 1)
            return granted, await take_all(workers[0], limit=1000)

    granted, used = asyncio.run(scenario())

    assert granted >= 50
    assert 0 < used <= 1000 - granted


def count_until_killed(program):
    """
    Kill a program after 50 lines; return how many it has written.
    """
    granted = 0
    for line in program.stdout:
        granted += line == "granted\n"
        if granted == 50:
            program.kill()
    program.wait()
    program.stdout.close()
    return granted


def test_lease_lasts_while_a_call_runs():
    """
    It is renewed in the background.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(90))
        await workers.pass_time(5 * LEASE_SECONDS)
        denial = await reserve(workers[1], "b", claim(20))
        workers[0].settle("a", {claim().key: 5.0})
        await workers.pass_time(RENEW_SECONDS + 1)
        return denial, find_count(workers.store).used

    denial, used = run(scenario)

    assert denial is not None
    assert used == 5.0


def test_worker_that_slept_too_long_does_not_use_its_lease():
    """
    Others have counted it as used in the meantime, so that its calls ask again.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(10))
        slow = workers[0]
        workers.kill(slow)
        await workers.pass_time(LEASE_SECONDS + 1)
        taken = await take_all(workers[0])
        denial = await reserve(slow, "b", claim(1))
        slow.settle("a", {claim().key: 10.0})
        await slow.stop()
        return denial, find_count(workers.store).used, taken

    denial, used, _ = run(scenario)

    assert denial is not None
    assert used == LIMIT


# A store that fails.


def test_failing_store_is_an_error_and_loses_nothing():
    """
    Units that were leased can be used meanwhile; what was used is reported afterwards.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(1))
        workers.store.error = OSError("no connection")
        assert await reserve(workers[0], "b", claim(1)) is None
        with pytest.raises(OSError, match="no connection"):
            await reserve(workers[0], "c", claim(90))
        workers.store.error = None
        for ticket in ("a", "b"):
            workers[0].settle(ticket, {})
        await workers[0].stop()
        return find_count(workers.store)

    count = run(scenario)

    assert (count.used, count.leases) == (2.0, {})


def test_waiting_call_that_is_cancelled_leaves_nothing():
    """
    The exchange that it waited for goes on for others.
    """

    async def scenario(workers):
        first = asyncio.create_task(reserve(workers[0], "a", claim(60)))
        second = asyncio.create_task(reserve(workers[0], "b", claim(40)))
        await asyncio.sleep(0)
        first.cancel()
        denials = await asyncio.gather(first, second, return_exceptions=True)
        return denials[1], await reserve(workers[1], "c", claim(60))

    assert run(scenario) == (None, None)


def test_endless_periods_are_kept():
    """
    Only periods that have ended are removed.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(FIRST_CALLS, resets_at=inf))
        workers[0].settle("a", {})
        await workers.pass_time(600, step=10)
        return find_count(workers.store).used

    assert run(scenario) == FIRST_CALLS
