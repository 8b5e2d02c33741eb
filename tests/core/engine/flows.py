"""Flows that several tests of the drivers perform."""

from __future__ import annotations

import math
import threading

from budwood.engine.drivers.effects import MAX_PARALLEL_FLOWS, All, First, Invoke, Wait
from budwood.engine.drivers.latch import Latch
from budwood.errors import ProviderError
from budwood.types import HTTPCall, Timing

CALL = HTTPCall(method="GET", url="http://127.0.0.1/")
TIMING = Timing(connect_timeout=1, idle_timeout=1, deadline=1_000_000)
LONG = 3600.0


def return_value(value):
    """A flow that performs one effect."""
    return (yield Invoke(lambda: value))


def raise_error(message: str = "failed"):
    """A flow that fails."""
    yield Invoke(lambda: None)
    raise ProviderError(message)


def wait_for_latch(ended: list, latch: Latch | None = None):
    """A flow that waits for a latch, by default without end, and records its cleanup."""
    try:
        yield Wait(latch or Latch(), math.inf)
        return "waited"
    finally:
        ended.append((yield Invoke(lambda: "cleaned")))


def run_first(*flows, release=None):
    """A flow that runs others, and returns the result of the first that succeeds."""
    return (yield First(flows, release))


def run_all(flows, limit: int = MAX_PARALLEL_FLOWS):
    """A flow that runs others in parallel."""
    return (yield All(flows, limit))


def assert_no_threads_are_left():
    """Check that the threads of all groups end."""
    for thread in threading.enumerate():
        if thread.name in {"budwood-flow", "budwood-abandoned", "budwood-dropped"}:
            thread.join(60)
            assert not thread.is_alive()
