"""Budgets of calls, clients, days, weeks and months: what is reserved, settled and given back."""

from __future__ import annotations

import asyncio
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from budwood import AsyncClient, Client
from budwood.errors import BudgetExceededError, ProviderError, StreamInterruptedError
from budwood_testing import chat_chunks, chat_reply, sse

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
COST = Decimal("0.0028")
SETTINGS = {
    "providers": {"work": {"plugin": "openai", "api_key": "k"}},
    "models": {
        "work/*": {"prices": {"input": "2", "output": "8"}},
        "work/free": {"prices": []},
    },
}
DAY = 86_400.0


@pytest.fixture
def make_client(scripted, clock):
    """
    Make clients of models with prices in the settings: 2 dollars for input, 8 for output.
    """

    def make(model="work/m", **changes):
        return Client(model, **{"settings": SETTINGS, "transport": scripted, "clock": clock, "retries": 0, **changes})

    return make


@pytest.fixture
def client(make_client):
    """
    A client with one dollar, and one dollar a day.
    """
    return make_client(budgets={"all": {"dollars": 1, "per": "client"}, "daily": {"dollars": 1, "per": "day"}})


def spent(client):
    """
    Return what is spent of each budget.
    """
    return [state.spent for state in client.budgets()]


# What a call costs.


def test_reply_is_settled_at_its_cost(client, scripted):
    """
    Afterwards the budgets have spent what the reply cost, and not what it could have cost.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    reply = client.ask("Hello", max_tokens=1000)

    assert (reply.cost, spent(client)) == (COST, [COST, COST])


def test_state_of_budgets_says_when_they_reset(client, clock):
    """
    A day ends at midnight; a budget of a client does not end.
    """
    of_client, daily = client.budgets()

    assert (of_client.name, of_client.per, of_client.left, of_client.resets_at) == ("all", "client", 1, None)
    assert daily.resets_at.timestamp() % DAY == 0
    assert 0 < daily.resets_at.timestamp() - clock.time() <= DAY


def test_reply_without_usage_costs_its_reservation(client, scripted):
    """
    What it cost is not known, so it counts as much as it could have cost.
    """
    scripted.reply(body=chat_reply("Hi", usage=None))

    client.ask("Hello", max_tokens=1000)

    first, second = spent(client)
    assert first == second > Decimal("0.008")


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_rejected_attempt_is_given_back(client, scripted, status):
    """
    An error status costs nothing.
    """
    scripted.reply(status, body={"error": {"message": "no"}})

    with pytest.raises(ProviderError):
        client.ask("Hello")

    assert spent(client) == [0, 0]


def test_broken_connection_costs_its_reservation(client, scripted):
    """
    The server may have answered.
    """
    scripted.fail()

    with pytest.raises(ProviderError):
        client.ask("Hello", max_tokens=1000)

    first, second = spent(client)
    assert first == second > Decimal("0.008")


def test_refused_connection_is_given_back(make_client):
    """
    A request that did not reach the server costs nothing.
    """
    client = make_client(
        base_url="http://127.0.0.1:9/v1", transport=None, budgets={"a": {"tokens": 9999, "per": "client"}}
    )

    with pytest.raises(ProviderError, match="No connection"):
        client.ask("Hello")

    assert spent(client) == [0]
    client.close()


def test_each_attempt_reserves(client, scripted):
    """
    A retry after an unknown outcome is reserved in addition.
    """
    scripted.fail().reply(body=chat_reply("Hi", usage=USAGE))

    client.ask("Hello", max_tokens=1000, retries=1)

    assert spent(client)[0] > COST + Decimal("0.008")


def test_rounds_and_repairs_count(client, scripted):
    """
    Each repair is an attempt of its own.
    """

    class City(BaseModel):
        name: str

    scripted.reply(body=chat_reply("{}", usage=USAGE)).reply(body=chat_reply('{"name": "Oslo"}', usage=USAGE))

    assert client.ask("Which city?", schema=City).parsed == City(name="Oslo")
    assert spent(client) == [2 * COST, 2 * COST]


def test_stream_is_settled_at_its_end(client, scripted):
    """
    A complete stream costs what its usage says.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hi"]), {"id": "chatcmpl-1", "choices": [], "usage": USAGE}))

    with client.stream("Hello") as stream:
        list(stream)

    assert spent(client) == [COST, COST]


def test_abandoned_stream_costs_its_reservation(client, scripted):
    """
    A stream that the caller left is charged by the vendor, and its usage is not known.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hi", " there"])))

    with client.stream("Hello", max_tokens=1000) as stream:
        next(iter(stream))

    first, second = spent(client)
    assert first == second > Decimal("0.008")


def test_interrupted_stream_costs_its_reservation(client, scripted):
    """
    So does one that broke off.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hi"]))[:1])

    with pytest.raises(StreamInterruptedError), client.stream("Hello", max_tokens=1000) as stream:
        list(stream)

    first, second = spent(client)
    assert first == second > Decimal("0.008")


def test_cached_reply_costs_nothing(make_client, scripted):
    """
    Nothing is reserved for it.
    """
    client = make_client(cache="memory", budgets={"all": {"dollars": "0.05", "per": "client"}})
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    replies = [client.ask("Hello") for _ in range(3)]

    assert [reply.cached for reply in replies] == [False, True, True]
    assert spent(client) == [COST]


def test_async_calls_are_settled(scripted, clock):
    """
    Both drivers settle in the same way.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE))
    budgets = {"all": {"dollars": 1, "per": "client"}, "daily": {"dollars": 1, "per": "day"}}

    async def run():
        async with AsyncClient(
            "work/m", settings=SETTINGS, transport=scripted.asynchronous, clock=clock, budgets=budgets
        ) as client:
            await client.labelled("nightly").ask("Hello")
            return await client.budgets()

    assert [state.spent for state in asyncio.run(run())] == [COST, COST]


# A budget without room.


def test_budget_without_room_sends_nothing(make_client, scripted):
    """
    The error says what is left, what the request could have cost, and what to do.
    """
    client = make_client(budgets={"small": {"dollars": "0.01", "per": "client"}})

    with pytest.raises(BudgetExceededError) as caught:
        client.ask("Hello", max_tokens=2000)

    error = caught.value
    assert scripted.calls == []
    assert (error.budget, error.left, error.unit, error.attempts) == ("small", 0.01, "dollars", ())
    assert 0.016 < error.required < 0.02
    assert str(error).startswith("The budget 'small' has $0.01 left of $0.01; this request could cost up to $0.01")
    assert "Lower max_tokens (now 2,000)" in str(error)
    assert error.resets_at is None
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(("per", "end"), [("day", "2024-02-29"), ("week", "2024-03-04"), ("month", "2024-03-01")])
def test_error_of_a_calendar_period_says_when_it_ends(make_client, clock, per, end):
    """
    Days, weeks and months end at midnight in the time zone of the budget; weeks on Monday.
    """
    clock.advance(datetime(2024, 2, 28, 22, 59, tzinfo=UTC).timestamp() - clock.time())
    budget = {"tokens": 5, "per": per, "timezone": "Europe/Oslo"}

    with pytest.raises(BudgetExceededError) as caught:
        make_client(budgets={"small": budget}).ask("Hello")

    assert caught.value.resets_at == datetime.fromisoformat(f"{end}T00:00:00").replace(tzinfo=ZoneInfo("Europe/Oslo"))
    assert f"until {end} 00:00 CET" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).resets_at == caught.value.resets_at


def test_budget_per_day_says_when_it_resets(make_client):
    """
    Waiting is one of the cures.
    """
    client = make_client(budgets={"daily": {"tokens": 100, "per": "day", "timezone": "Asia/Tokyo"}})

    with pytest.raises(BudgetExceededError, match=r"has 100 tokens left of 100 tokens until 2023-\d\d-\d\d 00:00 JST"):
        client.ask("Hello")


def test_attempts_before_it_are_in_the_error(make_client, scripted):
    """
    A repair without room ends the call; its first attempt was paid.
    """
    client = make_client(budgets={"call": {"dollars": "0.02", "per": "call"}})
    scripted.reply(body=chat_reply("{}", usage={**USAGE, "prompt_tokens": 9000}))

    with pytest.raises(BudgetExceededError) as caught:
        client.ask("Which?", schema={"type": "object", "required": ["a"]}, max_tokens=500)

    assert [attempt.status for attempt in caught.value.attempts] == [200]
    assert len(scripted.calls) == 1


def test_budget_is_neither_retried_nor_failed_over(make_client, scripted):
    """
    It is not an error of the provider.
    """
    client = make_client(retries=3, fallbacks=["work/n"], budgets={"all": {"tokens": 10, "per": "client"}})

    with pytest.raises(BudgetExceededError):
        client.ask("Hello")

    assert scripted.calls == []


def test_one_budget_without_room_leaves_the_others_unchanged(make_client):
    """
    A request reserves from all budgets or from none.
    """
    budgets = {
        "a": {"dollars": 1, "per": "client"},
        "b": {"dollars": 1, "per": "day"},
        "c": {"tokens": 10, "per": "month"},
        "d": {"dollars": 1, "per": "client"},
    }
    client = make_client(budgets=budgets)

    with pytest.raises(BudgetExceededError):
        client.ask("Hello")

    assert spent(client) == [0, 0, 0, 0]


def test_day_begins_with_a_full_budget(make_client, scripted, clock):
    """
    After midnight the budget has room again.
    """
    client = make_client(budgets={"daily": {"tokens": 6000, "per": "day"}})
    scripted.reply(body=chat_reply("Hi", usage={**USAGE, "prompt_tokens": 5000})).reply(
        body=chat_reply("Hi", usage=USAGE)
    )
    client.ask("Hello", max_tokens=1000)
    with pytest.raises(BudgetExceededError):
        client.ask("Hello", max_tokens=1000)

    clock.advance(DAY)

    assert client.ask("Hello", max_tokens=1000).text == "Hi"
    assert spent(client) == [1100]


def test_budget_holds_although_its_file_cannot_be_used(make_client, scripted, tmp_path):
    """
    It is counted inside the process meanwhile.
    """
    settings = {**SETTINGS, "limiters": {"local": {"path": str(tmp_path)}}}  # a folder
    client = make_client(settings=settings, budgets={"daily": {"tokens": 3000, "per": "day"}})
    scripted.reply(body=chat_reply("Hi", usage=USAGE)).reply(body=chat_reply("Hi", usage=USAGE))
    client.ask("Hello", max_tokens=1000)
    client.ask("Hello", max_tokens=1000)

    with pytest.raises(BudgetExceededError, match="has 800 tokens left"):
        client.ask("Hello", max_tokens=1000)


# Budgets of a call, and labels.


def test_call_has_a_budget_of_its_own(make_client, scripted):
    """
    A number is a limit in dollars; it counts this call only.
    """
    client = make_client()
    scripted.reply(body=chat_reply("Hi", usage=USAGE)).reply(body=chat_reply("Hi", usage=USAGE))

    replies = [client.ask("Hello", budget=0.05), client.ask("Hello", budget={"tokens": 9000})]

    assert [reply.cost for reply in replies] == [COST, COST]
    with pytest.raises(BudgetExceededError, match="The budget of this call has"):
        client.ask("Hello", budget={"dollars": "0.001"})


def test_budget_per_call_is_new_for_each_call(make_client, scripted):
    """
    It does not add up over calls.
    """
    client = make_client(budgets={"each": {"dollars": "0.04", "per": "call"}})
    for _ in range(3):
        scripted.reply(body=chat_reply("Hi", usage={**USAGE, "prompt_tokens": 10_000}))

    assert [client.ask("Hello").text for _ in range(3)] == ["Hi", "Hi", "Hi"]
    assert client.budgets() == ()


def test_budget_with_a_label_counts_only_its_calls(make_client, scripted):
    """
    The label comes from the call or from a view of the client.
    """
    client = make_client(budgets={"nightly": {"dollars": 1, "per": "client", "label": "nightly"}})
    for _ in range(4):
        scripted.reply(body=chat_reply("Hi", usage=USAGE))

    client.ask("Hello")
    client.ask("Hello", label="nightly")
    client.labelled("nightly").ask("Hello")
    client.labelled("nightly").chat().ask("Hello", label="daily")

    assert spent(client) == [2 * COST]


def test_observers_see_the_label(make_client, scripted):
    """
    The events of a request have its label.
    """
    events = []

    class Collector:
        def observe(self, event):
            events.append(event)

    client = make_client(observers=[Collector()])
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    client.labelled("nightly").ask("Hello")

    assert [event.label for event in events if hasattr(event, "label")] == ["nightly", "nightly"]


# What the budget sends.


def test_budget_limits_the_output(client, scripted):
    """
    Without max_tokens, a budget sends assume_output, and says so.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE)).reply(body=chat_reply("Hi", usage=USAGE))

    reply = client.ask("Hello")
    client.ask("Hello", assume_output=100)

    assert [scripted.sent(number)["max_tokens"] for number in (0, 1)] == [4096, 100]
    assert [(each.parameter, each.action) for each in reply.adaptations] == [("max_tokens", "changed")]


def test_output_is_limited_by_the_model(make_client, scripted):
    """
    A model that writes less gets its own limit.
    """
    models = {"work/m": {"prices": {"input": "2", "output": "8"}, "max_output_tokens": 512}}
    client = make_client(settings={**SETTINGS, "models": models})
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    client.ask("Hello", budget=1)

    assert scripted.sent()["max_tokens"] == 512


def test_calls_without_budgets_are_unchanged(make_client, scripted):
    """
    They have no limit of output, and no budget applies to them.
    """
    client = make_client(budgets={"n": {"dollars": 1, "per": "client", "label": "nightly"}})
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    reply = client.ask("Hello")

    assert "max_tokens" not in scripted.sent()
    assert reply.adaptations == ()
