"""A real server whose keys have quotas, and of which one is revoked while many calls are under way."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood import AsyncClient, Client
from budwood.engine.endpoints.shared_state import reset_all
from tests.chat_server import ChatServer, completion

CALLS = 256
IN_FLIGHT = 32
KEYS = [f"sk-the-key-number-{number}" for number in (1, 2, 3, 4)]
REVOKED, REVOKED_AFTER = KEYS[1], 10
QUOTA, PERIOD = 12, 0.2
"""The requests of each key after which it rests, and the seconds that it rests from its first refusal on."""


class Quotas:
    """
    The requests of each key.

    Attributes:
        answered: The successful requests, by key.
        refusals: The requests that were answered with 429 and 401, by key and status.
        again: The keys that were used successfully after they were limited.
    """

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, int]] = Counter()
        self.again: set[str] = set()
        self._left: Counter[str] = Counter(dict.fromkeys(KEYS, QUOTA))
        self._resets: dict[str, float] = {}
        self._lock = threading.Lock()

    def fault(self, _number, body):
        """
        Return the reply to a request, which depends on its key.
        """
        return lambda handler: self._answer(handler, body)

    def _answer(self, handler, body):
        key = handler.headers["authorization"].removeprefix("Bearer ")
        with self._lock:
            now = time.monotonic()
            if now >= self._resets.get(key, math.inf):
                del self._resets[key]
                self._left[key] = QUOTA
                self.again.add(key)
            if key == REVOKED and self.answered[key] >= REVOKED_AFTER:
                status, headers = 401, {}
            elif self._left[key] > 0:
                status, headers = 200, {}
                self._left[key] -= 1
                self.answered[key] += 1
            else:
                delay = self._resets.setdefault(key, now + PERIOD) - now
                status, headers = 429, {"retry-after-ms": f"{1000 * delay:.0f}"}
            if status != 200:
                self.refusals[key, status] += 1
        reply = {"error": {"message": f"{key} was refused"}} if status != 200 else completion(body["model"], "hi")
        handler.send(status, reply, **headers)


@pytest.fixture
def quotas():
    """
    The requests of each key.
    """
    yield Quotas()
    reset_all()


@pytest.mark.parametrize("kind", ["blocking", "async", "side by side"])
def test_no_call_fails_when_a_key_is_revoked_in_the_middle(quotas, kind):
    """
    Calls move on to other keys, wait when all rest, and use limited keys again; so do clients that share the keys.

    The last case has a blocking client and two event loops in threads, whose calls wait in one queue.
    """
    runs = {"blocking": [ask], "async": [ask_async], "side by side": [ask, ask_async, ask_async]}[kind]
    with ChatServer(fault=quotas.fault) as server, ThreadPoolExecutor() as threads:
        settings = {"providers": {"local": {**server.settings["providers"]["local"], "api_key": KEYS}}}
        running = [threads.submit(run, settings, CALLS // len(runs)) for run in runs]
        replies = [reply for each in running for reply in each.result()]
        with Client("local/tiny", settings=settings) as client:
            states = client.keys()

    assert [error for error in replies if isinstance(error, Exception)] == []
    assert sum(quotas.answered.values()) == len(replies) >= CALLS - 2
    assert quotas.answered[REVOKED] == REVOKED_AFTER
    assert quotas.refusals[REVOKED, 401] <= IN_FLIGHT * len(runs)
    assert quotas.again == set(KEYS) - {REVOKED}
    assert [state.state == "rejected" for state in states] == [key == REVOKED for key in KEYS]
    assert sum(state.calls for state in states) == len(replies) + sum(quotas.refusals.values())


def ask(settings, calls):
    """
    Ask side by side with a blocking client; return the replies.
    """
    with Client("local/tiny", settings=settings) as client:
        return client.ask_many(["Hi"] * calls, concurrency=IN_FLIGHT).in_order()


def ask_async(settings, calls):
    """
    Ask side by side with an async client, in an event loop of its own; return the replies.
    """

    async def run():
        async with AsyncClient("local/tiny", settings=settings) as client:
            return await client.ask_many(["Hi"] * calls, concurrency=IN_FLIGHT).in_order()

    return asyncio.run(run())
