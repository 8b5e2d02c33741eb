"""Drivers of both kinds behind one face."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver


class Awaiting:
    """The async driver behind the blocking one's face, so that one test serves both."""

    def __init__(self, driver: AsyncDriver, runner: asyncio.Runner) -> None:
        self._driver = driver
        self._runner = runner

    def run(self, flow):
        return self._runner.run(self._driver.run(flow), context=contextvars.copy_context())

    def stream(self, flow):
        return AwaitingEvents(self._driver.stream(flow), self._runner)

    def close(self) -> None:
        self._runner.run(self._driver.close())


class AwaitingEvents:
    def __init__(self, events, runner: asyncio.Runner) -> None:
        self._events = events
        self._runner = runner

    @property
    def result(self):
        return self._events.result

    def __iter__(self):
        return self

    def __next__(self):
        async def advance():
            return await anext(self._events, None)

        event = self._runner.run(advance())
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        self._runner.run(self._events.close())


@pytest.fixture(params=["blocking", "async"])
def make_driver(request, scripted):
    """
    Make drivers of either kind over the scripted transport, with a clock of the test's.
    """
    with asyncio.Runner() as runner:

        def make(clock):
            if request.param == "blocking":
                return BlockingDriver(lambda: scripted, clock)
            return Awaiting(AsyncDriver(lambda: scripted.asynchronous, clock), runner)

        yield make


@pytest.fixture
def driver(make_driver, clock):
    """
    A driver of either kind over the scripted transport, on whose clock pauses take no time.
    """
    return make_driver(clock)


@pytest.fixture
def start():
    """
    Call a function in a thread, while the test does something else; the result is a future.
    """
    with ThreadPoolExecutor() as pool:
        yield pool.submit
