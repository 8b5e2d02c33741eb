"""A hedge, which is not worth waiting for, at an endpoint with several keys."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from budwood.types import AttemptFinished
from budwood_testing import ManualClock, ScriptedTransport, chat_reply

KEYS = ["sk-the-first-key", "sk-the-second-key"]
LIMITED = {"error": {"message": "No.", "type": None, "param": None, "code": None}}


def test_a_hedge_does_not_wait_for_a_key(make_client):
    """
    It fails without having been sent, and the first request waits on.
    """
    clock = ManualClock()
    scripted = ScriptedTransport(clock=clock)
    for seconds in (30, 60):
        scripted.reply(429, LIMITED, headers={"retry-after": str(seconds)})
    scripted.reply(body=chat_reply("hello"))
    is_skipped = threading.Event()

    def observe(event):
        if isinstance(event, AttemptFinished) and event.attempt.skipped:
            is_skipped.set()

    observers = [SimpleNamespace(observe=observe)]
    client = make_client(api_key=KEYS, transport=scripted, clock=clock, hedge=5.0, observers=observers)
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(client.ask, "hi")
        clock.wait_for_sleepers(3)  # the sleep and the wait for a key, and the wait for the hedge
        clock.advance(5.0)
        is_skipped.wait()  # only two sleepers are left before the hedge asks for a key, so their number says nothing
        clock.advance(25.0)

    assert [(attempt.key, attempt.status, attempt.queued) for attempt in asked.result().attempts] == [
        ("key-1", 429, 0.0),
        ("key-2", 429, 0.0),
        (None, None, 0.0),
        ("key-1", 200, 30.0),
    ]
