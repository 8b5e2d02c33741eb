"""Places for requests: each is taken by one, and none is lost."""

from __future__ import annotations

import asyncio

from budwood_httptools.slots import Places


async def take(places: Places) -> None:
    """
    Take a place as the transport does.
    """
    if places.free:
        places.free -= 1
    else:
        await places.wait()


async def settle() -> None:
    """
    Let all tasks run as far as they can.
    """
    for _ in range(5):
        await asyncio.sleep(0)


def test_those_that_wait_get_places_in_order():
    """
    A place that is given back goes to the request that has waited longest, and is free only when none waits.
    """

    async def wait_in_turn() -> None:
        places, order = Places(1), []

        async def ask(number: int) -> None:
            await take(places)
            order.append(number)
            await asyncio.sleep(0)
            places.give()

        await asyncio.gather(*map(ask, range(4)))
        assert order == [0, 1, 2, 3]
        assert places.free == 1

    asyncio.run(wait_in_turn())


def test_one_that_is_cancelled_takes_no_place():
    """
    Whoever waits behind a cancelled request gets the place.
    """

    async def cancel() -> None:
        places = Places(1)
        await take(places)
        first, second = (asyncio.create_task(take(places)) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        assert first.cancelled()
        assert len(places._waiting) == 1
        places.give()
        await settle()
        assert second.done()
        assert places.free == 0
        places.give()
        assert places.free == 1

    asyncio.run(cancel())


def test_a_place_is_not_lost_to_one_that_is_cancelled_as_it_gets_it():
    """
    It goes to the next one that waits.
    """

    async def cancel() -> None:
        places = Places(1)
        await take(places)
        first, second = (asyncio.create_task(take(places)) for _ in range(2))
        await settle()
        places.give()
        first.cancel()
        await settle()
        assert first.cancelled()
        assert second.done()
        places.give()
        assert places.free == 1

    asyncio.run(cancel())


def test_those_that_are_cancelled_before_they_see_it_are_passed_by():
    """
    A place that is given back while a cancelled request still waits goes to the next.
    """

    async def cancel() -> None:
        places = Places(1)
        await take(places)
        first, second = (asyncio.create_task(take(places)) for _ in range(2))
        await settle()
        first.cancel()
        places.give()
        await settle()
        assert first.cancelled()
        assert second.done()
        places.give()
        assert places.free == 1

    asyncio.run(cancel())
