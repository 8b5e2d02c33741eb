"""Budgets per day and month that processes on several machines share."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from budwood import BudgetExceededError, Client
from budwood_testing import FakeClock, ScriptedTransport, chat_reply

USAGE = {"prompt_tokens": 1001, "completion_tokens": 101, "total_tokens": 1102}


@pytest.fixture
def make_client(server, prefix):
    """
    Make clients that share nothing but the Redis server.
    """
    settings = {
        "limiter": "redis",
        "limiters": {"redis": {"url": server.url, "prefix": prefix, "timeout": 60}},
        "providers": {"work": {"plugin": "openai-compatible", "base_url": "http://vendor.example/v1"}},
        "models": {"work/*": {"prices": {"input": "0.0375", "output": "0.15"}}},
        "budgets": {"monthly": {"dollars": "12345.678901234", "per": "month"}, "daily": {"tokens": 4000, "per": "day"}},
    }

    now = FakeClock(start=time.time() - FakeClock(start=0).time()).now  # Redis uses the clock of its server

    def make():
        transport = ScriptedTransport()
        for _ in range(9):
            transport.reply(body=chat_reply("Hi", usage=USAGE))
        return Client("work/m", settings=settings, transport=transport, clock=FakeClock(start=now))

    return make


def test_clients_share_budgets(make_client):
    """
    Sums are exact to a billionth of a dollar, and the budget in tokens ends for both.
    """
    first, second = make_client(), make_client()
    replies = [first.ask("Hello", max_tokens=1000), second.ask("Hello", max_tokens=1000)]

    with pytest.raises(BudgetExceededError, match="daily"):
        second.ask("Hello", max_tokens=2000)

    monthly, daily = first.budgets()
    assert daily.spent == 2 * 1102
    assert monthly.spent == 2 * replies[0].cost.quantize(Decimal("1e-9"), rounding="ROUND_CEILING")
    assert monthly.left == Decimal("12345.678901234") - monthly.spent
    assert first.budgets() == second.budgets()
