"""Whatever workers do, and however they end: all together stay within a limit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budwood_server.limits.budget_events import BudgetEvents
from budwood_server.limits.counts import LEASE_SECONDS, SPARE_SHARE
from budwood_server.limits.holdings import REFUSED_SECONDS, RENEW_SECONDS
from budwood_server.limits.sql_store import SqlLeaseStore
from tests.plugins.server.databases import open_database
from tests.plugins.server.limits.workers import (
    LIMIT,
    MemoryStore,
    Workers,
    claim,
    find_count,
    reserve,
    run_with_workers,
    take_all,
)

PROGRAM = """
import asyncio, sys
from budwood.clock import SystemClock
from budwood_server.database import Database
from budwood_server.limits.budget_events import BudgetEvents
from budwood_server.limits.leases import Leases
from budwood_server.limits.sql_store import SqlLeaseStore
from tests.plugins.server.limits.workers import claim, reserve

async def main():
    sys.stdin.readline()
    worker = Leases(SqlLeaseStore(Database(sys.argv[1]), BudgetEvents(())), SystemClock())
    for number in range(1000):
        assert await reserve(worker, str(number), claim(1, limit=1000)) is None
        worker.settle(str(number), {})
        print("granted", flush=True)

asyncio.run(main())
"""


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
            await perform_all(SqlLeaseStore(database, BudgetEvents(())), steps)

    asyncio.run(main())


@pytest.mark.parametrize("amount", [1.0, 7.0, 40.0])
def test_concurrent_calls_never_overshoot(amount):
    """
    Calls of several workers at the same time get all of the limit, and no more.
    """

    async def scenario(workers):
        calls = (reserve(workers[number % 3], str(number), claim(amount)) for number in range(150))
        return [denial for denial in await asyncio.gather(*calls) if denial is None]

    assert len(run_with_workers(scenario, count=3)) == LIMIT // amount


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

    assert run_with_workers(scenario, count) == [*range(1, 20)]


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

    assert run_with_workers(scenario) == (7.0, {})


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

    held, used, leases = run_with_workers(scenario)

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
            workers = Workers(SqlLeaseStore(database, BudgetEvents(())), 1)
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

    denial, used = run_with_workers(scenario)

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

    denial, used, _ = run_with_workers(scenario)

    assert denial is not None
    assert used == LIMIT
