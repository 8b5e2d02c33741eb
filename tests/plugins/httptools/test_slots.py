"""Slots for requests in flight: none is used twice or lost."""

from __future__ import annotations

import asyncio

from budwood_httptools.slots import Slots


async def take(slots: Slots) -> None:
    """
    Take a slot as the transport does.
    """
    if slots.free:
        slots.free -= 1
    else:
        await slots.wait()


async def settle() -> None:
    """
    Let all tasks run until they wait.
    """
    for _ in range(5):
        await asyncio.sleep(0)


def test_waiting_requests_get_slots_in_order():
    """
    A released slot goes to the request that has waited longest, and is free only if none waits.
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


def test_cancelled_request_takes_no_slot():
    """
    The request after a cancelled one gets the slot.
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


def test_slot_of_a_request_that_is_cancelled_as_it_gets_it_is_not_lost():
    """
    It goes to the next waiting request.
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


def test_request_that_is_cancelled_but_still_queued_is_skipped():
    """
    A slot that is released before the cancelled request leaves the queue goes to the next.
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
