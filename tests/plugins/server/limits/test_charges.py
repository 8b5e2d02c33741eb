"""Calls that use more than they have reserved, such as the results of batches, which reserve nothing."""

from __future__ import annotations

from tests.plugins.server.limits.workers import LIMIT, claim, find_count, reserve, run_with_workers


async def charge(worker, amount):
    """
    Count units that were not reserved; return what is left of the limit.
    """
    assert await reserve(worker, "read", claim(LIMIT + 1)) is not None
    assert await reserve(worker, "charge", claim(0)) is None
    worker.settle("charge", {claim().key: amount})
    return (await reserve(worker, "read", claim(LIMIT + 1))).available


def test_charge_lowers_what_is_left_at_once():
    """
    Also while the limit is refused without asking the store.
    """

    async def scenario(workers):
        before = workers.store.exchanges
        left = await charge(workers[0], 30.0)
        return left, workers.store.exchanges - before

    assert run_with_workers(scenario) == (LIMIT - 30, 1)


def test_charge_is_reported_at_once():
    """
    So it holds for other workers, and little is lost if the worker is killed.
    """

    async def scenario(workers):
        await reserve(workers[0], "lease", claim(1))
        await charge(workers[0], 60.0)
        await workers.pass_time(0.25)
        return find_count(workers.store).used, await reserve(workers[1], "more", claim(40))

    used, denial = run_with_workers(scenario)

    assert used == 60
    assert denial is not None


def test_charge_beyond_the_limit_leaves_nothing():
    """
    What is left is not below zero.
    """
    assert run_with_workers(lambda workers: charge(workers[0], 130.0)) == 0
