"""Record calls for the commands that show them."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

from budwood.types import Attempt, RequestFinished, Usage
from budwood_testing import FakeClock, plugin_context
from budwood_usage import UsageSettings
from budwood_usage.observer import build_observer

HOUR = 3600.0


class PastClock(FakeClock):
    """
    A clock that shows a time of the past, in seconds before now.
    """

    ago = 0.0

    def time(self):
        return time.time() - self.ago


class Recorder:
    """
    Records calls in a file.
    """

    def __init__(self, path):
        self._clock = PastClock()
        self._observer = build_observer(UsageSettings(path=path), plugin_context("usage", clock=self._clock))
        self._calls = 0

    def add(self, model="gpt-4.1", *, ago=60.0, cost="0.25", cached=False, **fields):
        """
        Record a call that ended some seconds ago, with 1,000 tokens of input and 20 of output.

        ``failed`` is the key, and the error, of an attempt before the one that succeeded.
        """
        self._calls += 1
        self._clock.ago = ago
        usage = None if cached or cost is None else Usage(input_tokens=1000, output_tokens=20)
        attempt = Attempt(
            provider="openai",
            model=model,
            key=fields.pop("key", "default"),
            endpoint=fields.pop("endpoint", "openai"),
            status=200,
            duration=1.0,
            usage=usage,
            cost=Decimal(0) if cached else None if cost is None else Decimal(cost),
            cost_unknown="no price known" if cost is None else None,
            cached=cached,
            saved=Decimal(cost) if cached else None,
        )
        attempts = (attempt,)
        if failed := fields.pop("failed", None):
            attempts = (replace(attempt, key=failed[0], status=500, error=failed[1]), attempt)
        event = {"service": "chat", "provider": "openai", "model": model, "seconds": 1.0, "attempts": attempts}
        event |= {"response": None, "error": None, "prompt": "secret prompt"}
        self._observer.observe(RequestFinished(call=f"call-{self._calls}", **event | fields))
        self._observer.flush()

    def close(self):
        """
        Close the file.
        """
        self._observer.close()
