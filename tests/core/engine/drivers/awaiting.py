"""What the tests of drivers share."""

from __future__ import annotations

import asyncio
import contextvars

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.effects import All, Invoke
from budwood.types import HTTPCall, Timing

CALL = HTTPCall(method="GET", url="http://127.0.0.1/")
TIMING = Timing(connect_timeout=1, idle_timeout=1, deadline=1_000_000)


class Awaiting:
    """The async driver behind the blocking one's face, so that one test serves both."""

    def __init__(self, driver: AsyncDriver, runner: asyncio.Runner) -> None:
        self._driver = driver
        self._runner = runner

    def run(self, flow):
        return self._runner.run(self._driver.run(flow), context=contextvars.copy_context())

    def stream(self, flow):
        return AwaitingEvents(self._driver.stream(flow), self._runner)


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


def value_of(value):
    """A flow that performs one effect."""
    return (yield Invoke(lambda: value))


def gathering(flows, limit: int | None = None):
    """A flow that runs others side by side."""
    return (yield All(flows, limit))
