"""Slots for requests: each is taken by one, and none is lost."""

from __future__ import annotations

import asyncio

from budwood_httptools.slots import Slots


async def take(slots: Slots) -> None:
    """
    Take a place as the transport does.
    """
    if slots.free:
        slots.free -= 1
    else:
        await slots.wait()


async def settle() -> None:
    """
    Let all tasks run as far as they can.
    """
    for _ in range(5):
        await asyncio.sleep(0)


def test_those_that_wait_get_slots_in_order():
    """
    A place that is given back goes to the request that has waited longest, and is free only when none waits.
    """

    async def wait_in_turn() -> None:
        slots, order = Slots(1), []

        async def ask(number: int) -> None:
            await take(slots)
            order.append(number)
            await asyncio.sleep(0)
            slots.release()

        await asyncio.gather(*map(ask, range(4)))
        assert order == [0, 1, 2, 3]
        assert slots.free == 1

    asyncio.run(wait_in_turn())


def test_one_that_is_cancelled_takes_no_place():
    """
    Whoever waits behind a cancelled request gets the place.
    """

    async def cancel() -> None:
        slots = Slots(1)
        await take(slots)
        first, second = (asyncio.create_task(take(slots)) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        assert first.cancelled()
        assert len(slots._waiting) == 1
        slots.release()
        await settle()
        assert second.done()
        assert slots.free == 0
        slots.release()
        assert slots.free == 1

    asyncio.run(cancel())


def test_a_place_is_not_lost_to_one_that_is_cancelled_as_it_gets_it():
    """
    It goes to the next one that waits.
    """

    async def cancel() -> None:
        slots = Slots(1)
        await take(slots)
        first, second = (asyncio.create_task(take(slots)) for _ in range(2))
        await settle()
        slots.release()
        first.cancel()
        await settle()
        assert first.cancelled()
        assert second.done()
        slots.release()
        assert slots.free == 1

    asyncio.run(cancel())


def test_those_that_are_cancelled_before_they_see_it_are_passed_by():
    """
    A place that is given back while a cancelled request still waits goes to the next.
    """

    async def cancel() -> None:
        slots = Slots(1)
        await take(slots)
        first, second = (asyncio.create_task(take(slots)) for _ in range(2))
        await settle()
        first.cancel()
        slots.release()
        await settle()
        assert first.cancelled()
        assert second.done()
        slots.release()
        assert slots.free == 1

    asyncio.run(cancel())
