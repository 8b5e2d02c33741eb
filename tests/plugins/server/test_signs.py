"""Signs that work goes on."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.gateway import signs


@pytest.fixture(autouse=True)
def _without_time(monkeypatch):
    """
    Signs follow each other at once.
    """
    monkeypatch.setattr(signs, "LEASE_SECONDS", 0.0)


def test_signs_are_given_until_the_work_ends():
    """
    The result is that of the work, and no sign follows.
    """

    async def main():
        given, enough = [], asyncio.Event()

        async def give_sign():
            given.append(len(given))
            if len(given) == 3:
                enough.set()
            return True

        async def work():
            await enough.wait()
            return "done"

        result, count = await signs.with_signs(work(), give_sign), len(given)
        await asyncio.sleep(0)
        return result, count >= 3, len(given) == count

    assert asyncio.run(main()) == ("done", True, True)


def test_unwanted_work_is_cancelled():
    """
    Once a sign says so.
    """

    async def give_sign():
        return False

    async def main():
        with pytest.raises(asyncio.CancelledError):
            await signs.with_signs(asyncio.Event().wait(), give_sign)

    asyncio.run(main())


def test_work_goes_on_if_a_sign_fails():
    """
    Its result is not lost.
    """

    async def main():
        failed = asyncio.Event()

        async def give_sign():
            failed.set()
            raise OSError("no connection")

        return await signs.with_signs(failed.wait(), give_sign)

    assert asyncio.run(main())
