"""Budgets of calls with several endpoints, keys, or requests at the same time."""

import threading
from contextlib import closing
from decimal import Decimal

import pytest

from budwood import BudgetExceededError, CapacityError
from budwood.engine.budgets.budget import Budget
from budwood_testing import ManualClock, chat_reply
from tests.core.engine.scripted_endpoints import Asker, Endpoints, ledger, make_settings, provider, text_reply
from tests.servers import MAX_WAIT

PRICE = {"prices": {"input": "1", "output": "1"}}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
COST = Decimal("0.0011")
BUDGETS = {"all": {"dollars": 1, "per": "client"}, "daily": {"dollars": 1, "per": "day"}}


def priced(*models, **providers):
    """
    Return settings in which these models have prices.
    """
    return {**make_settings(**providers), "models": dict.fromkeys(models, PRICE)}


def spent(asker):
    """
    Return what is spent of each budget.
    """
    states = asker.client.budgets()
    return [state.spent for state in (asker.runner.run(states) if asker.is_async else states)]


def test_failover_costs_only_the_answer(make_asker, endpoints):
    """
    The endpoint that rejected the request is given back before the next one is asked.
    """
    endpoints.script("one", 503).reply_json("two", chat_reply("Hi", usage=USAGE))
    asker = make_asker(settings=priced("one/m"), budgets={"call": {"dollars": "0.002", "per": "call"}, **BUDGETS})

    reply = asker.ask(max_tokens=1000)

    assert ledger(reply) == [("one", 503), ("one#2", 200)]
    assert spent(asker) == [COST, COST]


def test_fallback_without_a_price_is_skipped(make_asker, endpoints):
    """
    What it could cost is not known, as the ledger says. The next one is asked.
    """
    endpoints.script("one", 503).script("two", 503).reply_json("four", chat_reply("Hi", usage=USAGE))
    asker = make_asker(settings=priced("one/m", "four/n"), fallbacks=["three/n", "four/n"], budgets=BUDGETS)

    reply = asker.ask()

    assert ledger(reply) == [("one", 503), ("one#2", 503), ("three", "skipped"), ("four", 200)]
    assert "no price is known" in reply.attempts[2].skipped
    assert endpoints.hosts == ["one", "two", "four"]


def test_first_error_is_raised_if_the_fallback_has_no_price(make_asker, endpoints):
    """
    It is the error of the endpoint that was asked, as if there were no fallback.
    """
    endpoints.script("one", 503).script("two", 503)
    asker = make_asker(settings=priced("one/m"), fallbacks=["three/n"], budgets=BUDGETS, retries=0)

    with pytest.raises(CapacityError) as caught:
        asker.ask()

    assert ledger(caught.value) == [("one", 503), ("one#2", 503), ("three", "skipped")]
    assert spent(asker) == [0, 0]


def test_output_is_limited_for_each_endpoint(make_asker, endpoints):
    """
    A fallback that writes less gets its own limit.
    """
    models = {"one/m": PRICE, "three/n": {**PRICE, "max_output_tokens": 500}}
    endpoints.script("one", 503).script("two", 503)
    asker = make_asker(settings={**make_settings(), "models": models}, fallbacks=["three/n"])

    asker.ask(budget=1)

    assert [endpoints.sent(number)["max_tokens"] for number in range(3)] == [4096, 4096, 500]


def test_rejected_key_is_given_back(make_asker, endpoints):
    """
    The next key of the endpoint reserves anew.
    """
    endpoints.script("one", 401).reply_json("one", chat_reply("Hi", usage=USAGE))
    one = provider("one", api_key=["key-a-secret", "key-b-secret"])
    budgets = {"all": {"dollars": "0.0022", "per": "client"}}
    asker = make_asker(settings=priced("one/m", one=one), budgets=budgets)

    assert ledger(asker.ask(max_tokens=1000)) == [("one", 401), ("one", 200)]
    assert spent(asker) == [COST]


def test_limit_and_budget_work_together(make_asker, endpoints):
    """
    An attempt that waits for a limit has reserved its budget; one without room takes no place.
    """
    one = provider("one", limits={"requests_per_minute": 60, "tokens_per_day": 100_000})
    asker = make_asker(settings=priced("one/m", one=one), budgets=BUDGETS)
    for _ in range(3):
        endpoints.reply_json("one", chat_reply("Hi", usage=USAGE))
        asker.ask()

    with pytest.raises(BudgetExceededError):
        asker.ask(max_tokens=2_000_000)

    assert spent(asker) == [3 * COST, 3 * COST]


# Two requests at the same time.


@pytest.fixture
def hedging():
    """
    Return scripted endpoints whose clock the test advances, with a first endpoint that does not answer.
    """
    return Endpoints(ManualClock()).script("one", text_reply("late", delay=100))


@pytest.fixture
def denied(monkeypatch):
    """
    Return an event that is set when a budget has no room.
    """
    event = threading.Event()
    reserve = Budget.reserve

    def reserve_and_tell(budget, amount):
        left = reserve(budget, amount)
        if left is not None:
            event.set()
        return left

    monkeypatch.setattr(Budget, "reserve", reserve_and_tell)
    return event


@pytest.mark.parametrize("has_room", [True, False])
def test_hedge_reserves_in_addition(kind, hedging, denied, has_room):
    """
    The loser keeps its reservation, since its cost is not known; without room for both, the hedge is not sent.
    """
    hedging.reply_json("two", chat_reply("Hi", usage=USAGE))
    budgets = {"all": {"dollars": 1 if has_room else "0.0022", "per": "client"}}
    advancing = threading.Thread(target=advance, args=(hedging.clock, None if has_room else denied))
    advancing.start()

    with closing(Asker(kind, hedging, settings=priced("one/m"), budgets=budgets, hedge=2.0, retries=0)) as asker:
        reply = asker.ask(max_tokens=1000)
        (total,) = spent(asker)
        hedging.clock.advance(10_000.0)  # ends the reply that lost
        advancing.join()

    assert reply.text == ("Hi" if has_room else "late")
    assert hedging.hosts == (["one", "two"] if has_room else ["one"])
    if has_room:
        assert COST + Decimal("0.001") < total < COST + Decimal("0.002")


def advance(clock, denied):
    """
    Let the hedge start. If it is denied, let the first reply arrive afterwards.
    """
    clock.wait_for_sleepers(2)
    clock.advance(2.0)
    if denied is not None:
        denied.wait(MAX_WAIT)
        clock.advance(100.0)
