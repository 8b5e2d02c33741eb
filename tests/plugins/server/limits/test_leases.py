"""What calls take from leases, and what the workers that hold them give back."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from budwood.types import Denial
from budwood_server.limits.counts import SPARE_SHARE
from budwood_server.limits.holdings import FIRST_CALLS, IDLE_SECONDS
from tests.plugins.server.limits.workers import LIMIT, claim, find_count, reserve, run_with_workers, take_all

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

    assert run_with_workers(scenario) < 12


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

    assert run_with_workers(scenario) == 0


def test_denial_says_what_is_left_and_when_it_resets():
    """
    What other workers have used or reserved is not left.
    """

    async def scenario(workers):
        resets_at = workers.clock.time() + 3600
        await reserve(workers[0], "a", claim(60, resets_at=resets_at))
        return await reserve(workers[1], "b", claim(50, resets_at=resets_at)), claim(50, resets_at=resets_at)

    denial, denied = run_with_workers(scenario)

    assert denial == Denial(denied, pytest.approx(3600, abs=5), 40.0)


def test_settled_units_are_free_again():
    """
    A call that used less than it reserved leaves the rest to others.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(100))
        workers[0].settle("a", {claim().key: 30.0})
        return [await reserve(workers[1], "b", claim(70)), await reserve(workers[1], "c", claim(1))]

    free, full = run_with_workers(scenario)

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

    free, full = run_with_workers(scenario)

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

    assert run_with_workers(scenario) == (other, None)


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

    assert run_with_workers(scenario) == (LIMIT, LIMIT, 0)


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

    idle, denial, ended = run_with_workers(scenario)

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

    assert run_with_workers(scenario) <= 1 + SPARE_SHARE * 3


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

    assert run_with_workers(scenario) == (1.0, {})


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

    assert run_with_workers(scenario) <= 1


def test_a_larger_limit_is_used_at_once_and_a_smaller_one_holds():
    """
    Settings can change while leases last.
    """

    async def scenario(workers):
        used = await take_all(workers[0], limit=10)
        more = await take_all(workers[0], amount=2.0, limit=20)
        await reserve(workers[1], "lease", claim(1, limit=1000, key="other"))
        return used, more, await reserve(workers[1], "lower", claim(1, limit=1, key="other"))

    used, more, denial = run_with_workers(scenario)

    assert (used, more) == (10, 5)
    assert denial is not None


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

    count = run_with_workers(scenario)

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

    assert run_with_workers(scenario) == (None, None)


def test_endless_periods_are_kept():
    """
    Only periods that have ended are removed.
    """

    async def scenario(workers):
        await reserve(workers[0], "a", claim(FIRST_CALLS, resets_at=inf))
        workers[0].settle("a", {})
        await workers.pass_time(600, step=10)
        return find_count(workers.store).used

    assert run_with_workers(scenario) == FIRST_CALLS
