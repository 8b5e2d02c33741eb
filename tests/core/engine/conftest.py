"""Drivers of both kinds with one interface."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood_testing import FakeClock
from tests.core.engine.scripted_endpoints import Asker, Endpoints


class AsyncDriverAdapter:
    """An async driver with the interface of the blocking one, so that one test covers both."""

    def __init__(self, driver: AsyncDriver, runner: asyncio.Runner) -> None:
        self._driver = driver
        self._runner = runner

    def run(self, flow):
        return self._runner.run(self._driver.run(flow), context=contextvars.copy_context())

    def stream(self, flow):
        return AsyncEventsAdapter(self._driver.stream(flow), self._runner)

    def close(self) -> None:
        self._runner.run(self._driver.close())


class AsyncEventsAdapter:
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
    Return a function that creates a driver of either kind with the scripted transport and a clock.
    """
    with asyncio.Runner() as runner:

        def make(clock):
            if request.param == "blocking":
                return BlockingDriver(lambda: scripted, clock)
            return AsyncDriverAdapter(AsyncDriver(lambda: scripted.asynchronous, clock), runner)

        yield make


@pytest.fixture
def driver(make_driver, clock):
    """
    Return a driver of either kind with the scripted transport and a clock on which sleeping takes no time.
    """
    return make_driver(clock)


@pytest.fixture
def start():
    """
    Return a function that calls another in a thread and returns a future.
    """
    with ThreadPoolExecutor() as pool:
        yield pool.submit


@pytest.fixture(params=["blocking", "async"])
def kind(request):
    """
    Return the kind of the client.
    """
    return request.param


@pytest.fixture
def endpoints():
    """
    Return the scripted endpoints.
    """
    return Endpoints(FakeClock())


@pytest.fixture
def make_asker(kind, endpoints):
    """
    Return a function that creates a client, which is closed after the test.
    """
    askers = []

    def make(**arguments):
        askers.append(Asker(kind, endpoints, **arguments))
        return askers[-1]

    yield make
    for asker in askers:
        asker.close()
