"""Many calls over keys with quotas, in simulated time."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter

import pytest

from budwood_testing import ScriptedReply, chat_reply

KEYS = ["sk-the-first-key", "sk-the-second-key", "sk-the-third-key"]
CALLS = 120
QUOTA, PERIOD = 6, 10.0
"""Requests of each key in a period of this many seconds."""


class Vendor:
    """
    Answers as many requests of each key as its quota permits.

    Attributes:
        answered: The requests that were answered, by key and period.
        rejected: The number of those that were not.
        early: The requests that were sent before the time that the vendor had asked for.
    """

    def __init__(self, clock, headers):
        self.answered = Counter()
        self.rejected = 0
        self.early = 0
        self._clock = clock
        self._headers = headers
        self._resets = {}
        self._lock = threading.Lock()

    def answer(self, call):
        """
        Return the reply to a request.
        """
        key = call.headers["authorization"].removeprefix("Bearer ")
        with self._lock:
            now = self._clock.monotonic()
            period, passed = divmod(now, PERIOD)
            self.early += now < self._resets.get(key, 0.0)
            if self.answered[key, period] < QUOTA:
                self.answered[key, period] += 1
                return ScriptedReply(200, {}, (json.dumps(chat_reply("hi")).encode(),))
            self.rejected += 1
            self._resets[key] = now + PERIOD - passed
            headers = {"retry-after": f"{PERIOD - passed}"} if self._headers else {}
            return ScriptedReply(429, headers, (b'{"error": {"message": "Slow down."}}',))


@pytest.fixture(params=["blocking", "async"])
def ask_many(request, make_client, make_async_client):
    """
    Return a function that asks many times side by side, with either client.
    """

    def run(**options):
        if request.param == "blocking":
            return make_client(**options).ask_many(["hi"] * CALLS, concurrency=16).in_order()
        return asyncio.run(make_async_client(**options).ask_many(["hi"] * CALLS, concurrency=16).in_order())

    run.kind = request.param
    return run


@pytest.mark.parametrize(("headers", "retries"), [(True, 0), (False, 20)], ids=["with Retry-After", "without"])
def test_no_call_fails_and_few_requests_are_rejected(ask_many, scripted, clock, headers, retries):
    """
    Calls wait in order while all keys rest. Few are sent in vain, although nothing tells how large the quotas are.
    """
    vendor = Vendor(clock, headers)
    for _ in range(20 * CALLS):
        scripted.answer(vendor.answer)

    replies = ask_many(api_key=KEYS, retries=retries, timeout=3600)

    assert [error for error in replies if isinstance(error, Exception)] == []
    assert sum(vendor.answered.values()) == CALLS
    if ask_many.kind == "async":  # a thread may stop before it sends a request, until its key has no quota left
        assert vendor.rejected < CALLS
        assert clock.now - 1000.0 < 3 * PERIOD * CALLS / (QUOTA * len(KEYS))
        assert vendor.early == 0 or not headers
