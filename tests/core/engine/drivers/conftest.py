"""Each test of a flow runs with both drivers."""

from __future__ import annotations

import asyncio

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from tests.core.engine.drivers.awaiting import Awaiting


@pytest.fixture(params=["blocking", "async"])
def driver(request, scripted, clock):
    """
    A driver of either kind over the scripted transport.
    """
    if request.param == "blocking":
        yield BlockingDriver(lambda: scripted, clock)
        return
    with asyncio.Runner() as runner:
        yield Awaiting(AsyncDriver(lambda: scripted.asynchronous, clock), runner)
