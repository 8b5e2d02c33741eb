"""Sending a second request if the first is slow."""

import math
import threading

import pytest

from budwood import CapacityError, ServerError, TextDelta
from budwood_testing import ManualClock, ScriptedReply
from tests.core.engine.scripted_endpoints import EVENT_STREAM, Endpoints, ledger, make_settings, provider, text_reply

HEDGED = {"hedge": 2.0, "retries": 0}


@pytest.fixture
def endpoints():
    """
    Return scripted endpoints whose clock the test advances.
    """
    return Endpoints(ManualClock())


@pytest.fixture
def advance(endpoints):
    """
    Return a function that advances the clock by 2 s once a number of flows wait.
    """
    threads = []

    def start(*waiters):
        def run():
            for count in waiters:
                endpoints.clock.wait_for_sleepers(count)
                endpoints.clock.advance(2.0)

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield start
    endpoints.clock.advance(10_000.0)  # ends the replies that lost
    for thread in threads:
        thread.join()


def test_slow_request_is_sent_again_elsewhere(make_asker, endpoints, advance):
    """
    The first answer wins, and the other request is cancelled.
    """
    endpoints.script("one", text_reply("late", delay=1000))
    asker = make_asker(**HEDGED)
    advance(2)

    reply = asker.ask()

    assert reply.text == "from two"
    assert [(attempt.endpoint, attempt.status, attempt.hedge) for attempt in reply.attempts] == [
        ("one#2", 200, False),
        ("one", None, True),
    ]


def test_fast_request_is_sent_once(make_asker, endpoints):
    """
    The second one is not sent.
    """
    reply = make_asker(**HEDGED).ask()

    assert (reply.text, endpoints.hosts, ledger(reply)) == ("from one", ["one"], [("one", 200)])


def test_failed_request_is_not_waited_for(make_asker, endpoints):
    """
    The next endpoint is asked at once, as without hedging.
    """
    endpoints.script("one", 503)

    reply = make_asker(**HEDGED).ask()

    assert ledger(reply) == [("one", 503), ("one#2", 200)]


def test_single_endpoint_is_asked_twice(make_asker, endpoints, advance):
    """
    Without another endpoint the second request goes to the same one.
    """
    endpoints.script("three", text_reply("late", delay=1000), "early")
    asker = make_asker(model="three/m", **HEDGED)
    advance(2)

    assert asker.ask().text == "early"
    assert endpoints.hosts == ["three", "three"]


def test_hedge_goes_to_an_endpoint_that_can_take_the_request(make_asker, endpoints, advance):
    """
    Others are skipped, and noted in the ledger.
    """
    settings = make_settings()
    settings["models"] = {"four/n": {"kind": "embedding"}}
    endpoints.script("three", text_reply("late", delay=1000))
    asker = make_asker(settings=settings, model="three/m", fallbacks=["four/n", "one/o"], **HEDGED)
    advance(2)

    reply = asker.ask()

    assert reply.text == "from one"
    assert ("four", "skipped") in ledger(reply)


def test_slower_hedge_loses(make_asker, endpoints, advance):
    """
    The first request may still win.
    """
    endpoints.script("one", text_reply("first", delay=3)).script("two", text_reply("second", delay=1000))
    asker = make_asker(**HEDGED)
    advance(2, 2)

    reply = asker.ask()

    assert reply.text == "first"
    assert [(attempt.endpoint, attempt.hedge) for attempt in reply.attempts] == [("one", False), ("one#2", True)]


def test_cost_is_that_of_the_winner(make_asker, endpoints, advance):
    """
    The loser is in the ledger with an unknown cost.
    """
    settings = make_settings()
    settings["models"] = {"one/m": {"prices": {"input": "1", "output": "1"}}}
    endpoints.script("one", text_reply("late", delay=1000))
    asker = make_asker(settings=settings, **HEDGED)
    advance(2)

    reply = asker.ask()

    assert reply.cost is not None
    assert reply.cost == reply.attempts[0].cost
    assert (reply.attempts[1].cost, "not finished" in reply.attempts[1].cost_unknown) == (None, True)


def test_error_of_the_first_is_raised_if_both_fail(make_asker, endpoints, advance):
    """
    Further endpoints are asked before.
    """
    endpoints.script("one", ScriptedReply(500, {}, (b"{}",), delay=5))
    endpoints.script("two", ScriptedReply(503, {}, (b"{}",), delay=5)).script("three", 500)
    asker = make_asker(fallbacks=["three/n"], **HEDGED)
    advance(2, 2, 2, 1)

    with pytest.raises((ServerError, CapacityError)) as caught:
        asker.ask()

    assert caught.value.status == 500
    assert sorted(ledger(caught.value)) == [("one", 500), ("one#2", 503), ("three", 500)]


def test_stream_is_decided_by_the_first_content(make_asker, endpoints, advance):
    """
    The reader sees one stream, complete.
    """
    endpoints.script("one", ScriptedReply(200, EVENT_STREAM, (), delay=math.inf))
    asker = make_asker(**HEDGED)
    advance(2)

    events, response = asker.stream()

    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == response.text == "from two"
    assert [(attempt.endpoint, attempt.hedge) for attempt in response.attempts] == [("one", True), ("one#2", False)]


def test_percentile_needs_latencies(make_asker, endpoints):
    """
    With ``"p95"`` nothing is sent twice until twenty latencies are known.
    """
    asker = make_asker(hedge="p95")
    health = asker.client._engine.endpoints.get("one").health

    for _ in range(19):
        asker.ask()

    assert health.percentile(95, streamed=False) is None
    asker.ask()
    assert health.percentile(95, streamed=False) == 0.0


def test_hedge_needs_a_retry_of_the_budget(make_asker, endpoints, advance):
    """
    Hedges count as retries, so that a slow vendor is not asked twice for everything.
    """
    asker = make_asker(**HEDGED)
    health = asker.client._engine.endpoints.get("one").backups and asker.client._engine.endpoints.get("one").backups[0]
    while health.health.take_retry(endpoints.clock.monotonic()):
        pass
    endpoints.script("one", text_reply("late", delay=3))
    advance(2, 2)

    assert asker.ask().text == "late"
    assert endpoints.hosts == ["one"]


def test_endpoint_whose_hedge_was_not_sent_is_asked_after_a_failure(make_asker, endpoints, advance):
    """
    A hedge that needs a retry of the budget, or room in a limit, does not use up the endpoint.
    """
    asker = make_asker(**HEDGED)
    backup = asker.client._engine.endpoints.get("one").backups[0]
    while backup.health.take_retry(endpoints.clock.monotonic()):
        pass
    endpoints.script("one", ScriptedReply(503, {}, (b"{}",), delay=3))
    advance(2, 2)  # the request, and its hedge, which waits for it again

    assert ledger(asker.ask()) == [("one", 503), ("one#2", 200)]


def test_endpoint_without_room_for_a_hedge_is_asked_after_a_failure(make_asker, endpoints, advance):
    """
    Then it may have room, and the request may wait for it; here there is none before the timeout either.
    """
    backup = {"base_url": "http://two/v1", "limits": {"requests_per_minute": 1}}
    endpoints.script("one", 503, ScriptedReply(503, {}, (b"{}",), delay=3))
    asker = make_asker(settings=make_settings(one=provider("one", backups=[backup])), timeout=30, **HEDGED)
    asker.ask()
    advance(2, 1)

    with pytest.raises(CapacityError) as caught:
        asker.ask()

    assert ledger(caught.value)[-1] == ("one#2", "skipped")
    assert [outcome for outcome in ledger(caught.value) if outcome[0] == "one"] == [("one", 503)]
