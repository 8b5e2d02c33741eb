"""Budgets in settings and arguments, and requests whose highest cost is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from budwood import Client, Settings
from budwood.errors import BudgetExceededError, ConfigurationError
from budwood.types import TokenCount
from budwood_testing import chat_reply

PROVIDERS = {"work": {"plugin": "openai", "api_key": "k"}}
PRICES = {"work/*": {"prices": {"input": "2", "output": "8"}}}
SETTINGS = {"providers": PROVIDERS, "models": PRICES}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
MONTHLY = {"dollars": 50, "per": "month"}


@pytest.fixture
def make_client(scripted, clock):
    """
    Make clients of models with prices in the settings: 2 dollars for input, 8 for output.
    """

    def make(model="work/m", **changes):
        return Client(model, **{"settings": SETTINGS, "transport": scripted, "clock": clock, "retries": 0, **changes})

    return make


@pytest.mark.parametrize("dollars", [50, 50.0, "50", Decimal(50)], ids=repr)
def test_dollars_are_any_number(make_client, dollars):
    """
    Integers, floats, texts and decimals are exact.
    """
    (state,) = make_client(budgets={"monthly": {"dollars": dollars, "per": "month"}}).budgets()

    assert (state.limit, state.left, state.spent, state.unit) == (50, 50, 0, "dollars")


def test_arguments_override_settings_of_the_same_name(make_client):
    """
    The others of the settings remain.
    """
    settings = {**SETTINGS, "budgets": {"monthly": MONTHLY, "daily": {"tokens": 1000, "per": "day"}}}

    client = make_client(settings=settings, budgets={"monthly": {"tokens": 7, "per": "client"}})

    limits = {state.name: (state.unit, state.per, state.limit) for state in client.budgets()}
    assert limits == {"monthly": ("tokens", "client", 7), "daily": ("tokens", "day", 1000)}


def test_budgets_come_from_files_and_the_environment(tmp_path, make_client):
    """
    A budget of a file can be changed by a variable.
    """
    (tmp_path / "budwood.toml").write_text('[budgets.monthly]\ndollars = 50\nper = "month"\nlabel = "nightly"\n')
    environment = {"BUDWOOD_BUDGETS__MONTHLY__DOLLARS": "20", "BUDWOOD_PROVIDERS__WORK__PLUGIN": "openai"}

    settings = Settings.load(folder=tmp_path, environment=environment)

    (state,) = make_client(settings=settings, api_key="k").budgets()
    assert (state.limit, state.per, state.label) == (20, "month", "nightly")


@pytest.mark.parametrize(
    ("budget", "problem"),
    [
        ({"per": "month"}, "neither dollars nor tokens"),
        ({"dollars": 1, "tokens": 1, "per": "month"}, "both dollars and tokens"),
        ({"dollars": 0, "per": "month"}, "greater than 0"),
        ({"dollars": -1, "per": "month"}, "greater than 0"),
        ({"dollars": "nan", "per": "month"}, "finite"),
        ({"dollars": "much", "per": "month"}, "decimal"),
        ({"dollars": True, "per": "month"}, "must be a number"),
        ({"tokens": 0, "per": "month"}, "greater than or equal to 1"),
        ({"tokens": 1.5, "per": "month"}, "integer"),
        ({"dollars": 1}, "'per' is missing"),
        ({"dollars": 1, "per": "year"}, "'call', 'client', 'day', 'week' or 'month'"),
        ({"dollars": 1, "per": "month", "currency": "EUR"}, "unknown key 'currency'"),
        ({"dollars": 1, "per": "month", "timezone": "Mars/Olympus"}, "'timezone': is not a known time zone"),
        ({"dollars": 1, "per": "month", "timezone": "../etc/passwd"}, "not a known time zone"),
        (5, "must be a table"),
    ],
    ids=repr,
)
def test_budget_that_is_not_valid_is_an_error_at_construction(make_client, budget, problem):
    """
    The message names the budget and the problem; the hint shows a valid one.
    """
    with pytest.raises(ConfigurationError, match=r"^budgets\.monthly") as caught:
        make_client(budgets={"monthly": budget})

    assert problem in caught.value.message
    assert "per" in caught.value.hint or "Europe/Oslo" in caught.value.hint


@pytest.mark.parametrize("budgets", [5, [MONTHLY], "monthly"], ids=repr)
def test_budgets_are_a_dictionary(make_client, budgets):
    """
    Another type is an error.
    """
    with pytest.raises(ConfigurationError, match="budgets= must be a dictionary"):
        make_client(budgets=budgets)


@pytest.mark.parametrize(
    "budget", [0, -1, "much", float("inf"), True, [], {"dollars": 1, "tokens": 1}, {}, {"per": "month"}], ids=repr
)
def test_budget_of_a_call_that_is_not_valid_is_an_error(make_client, scripted, budget):
    """
    The hint shows how to pass one. Nothing is sent.
    """
    with pytest.raises(ConfigurationError, match="budget=") as caught:
        make_client().ask("Hello", budget=budget)

    assert 'budget={"tokens"' in caught.value.hint
    assert scripted.calls == []


def test_budget_of_a_call_is_no_option_of_a_client(make_client):
    """
    The hint says where it belongs.
    """
    with pytest.raises(ConfigurationError, match="option of a call"):
        make_client(budget=5)


# Requests whose highest cost is not known.


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": "work/m", "extra": {"previous_response_id": "r"}}, "previous_response_id"),
        ({"model": "openai/unknown-model"}, "no price is known"),
    ],
    ids=["extra", "price"],
)
def test_unknown_cost_is_refused(make_client, scripted, options, reason):
    """
    The error says why it is not known, what is left, and how to send the request nevertheless.
    """
    client = make_client(api_key="k", settings={**SETTINGS, "providers": {**PROVIDERS, "openai": {"api_key": "k"}}})

    with pytest.raises(BudgetExceededError, match=reason) as caught:
        client.ask("Hello", budget=1, **options)

    assert (caught.value.left, caught.value.required) == (1.0, None)
    assert 'unknown_price="ignore"' in caught.value.hint
    assert scripted.calls == []


def test_unknown_cost_can_be_ignored(make_client, scripted):
    """
    What is known of it is reserved, and the real cost is settled.
    """
    client = make_client(unknown_price="ignore", budgets={"all": {"dollars": "0.05", "per": "client"}})
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    client.ask("Hello", extra={"prediction": {}})

    assert client.budgets()[0].spent == Decimal("0.0028")
    with pytest.raises(BudgetExceededError):
        client.ask("Hello", max_tokens=50_000, extra={"prediction": {}})


def test_budget_in_tokens_needs_no_price(make_client, scripted):
    """
    It counts what the vendor reports.
    """
    settings = {"providers": PROVIDERS}
    client = make_client(settings=settings, budgets={"all": {"tokens": 50_000, "per": "client"}})
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    client.ask("Hello")

    assert client.budgets()[0].spent == 1100


def test_models_inside_the_process_cost_nothing():
    """
    No budget applies to them, and their output is not limited.
    """
    with Client("offline/extractive", budgets={"all": {"dollars": "0.000001", "per": "client"}}) as client:
        reply = client.ask("What gives roots?\n\n<passage>The rootstock gives roots. It is old.</passage>")
        (state,) = client.budgets()

    assert (state.spent, reply.adaptations) == (0, ())


def test_other_services_are_settled(make_client, scripted):
    """
    Embeddings count their input; a moderation reports no usage, and keeps its reservation.
    """
    budgets = {"all": {"dollars": 1, "per": "client"}, "tokens": {"tokens": 9000, "per": "client"}}
    client = make_client(budgets=budgets)
    usage = {"prompt_tokens": 50, "total_tokens": 50}
    scripted.reply(body={"model": "m", "data": [{"index": 0, "embedding": [0.5]}], "usage": usage})
    client.embed("Hello")
    embedded = [state.spent for state in client.budgets()]
    flagged = {"flagged": False, "categories": {}, "category_scores": {}}
    scripted.reply(body={"id": "1", "model": "moderator", "results": [flagged]})

    client.moderate("Hello", model="work/moderator")

    assert embedded == [Decimal("0.0001"), 50]
    assert [state.spent for state in client.budgets()][1] > 50 + 256


def test_moderation_without_a_model_needs_one_for_its_price(make_client):
    """
    The price of a vendor's default model is not known.
    """
    client = make_client(settings={"providers": PROVIDERS}, budgets={"all": {"dollars": 1, "per": "client"}})

    with pytest.raises(BudgetExceededError, match="Name a model with known prices"):
        client.moderate("Hello")


def test_completion_is_limited_and_settled(make_client, scripted):
    """
    A plain completion without max_tokens gets assume_output.
    """
    client = make_client(budgets={"all": {"dollars": 1, "per": "client"}}, assume_output=100)
    choice = {"text": "Hi", "index": 0, "finish_reason": "stop"}
    scripted.reply(body={"id": "cmpl-1", "model": "m", "choices": [choice], "usage": USAGE})

    reply = client.complete("Hello", label="x")

    assert scripted.sent()["max_tokens"] == 100
    assert reply.cost == client.budgets()[0].spent == Decimal("0.0028")
    assert [each.parameter for each in reply.adaptations] == ["max_tokens"]


def test_lists_of_models_cost_nothing(make_client, scripted):
    """
    Services without usage reserve nothing.
    """
    client = make_client(budgets={"all": {"tokens": 1, "per": "client"}})
    scripted.reply(body={"data": [{"id": "m"}]})

    assert [model.id for model in client.models()] == ["m"]
    assert client.budgets()[0].spent == 0


def test_exact_count_is_reserved(make_client, scripted, monkeypatch):
    """
    If a tokenizer counts the input exactly, the bytes of the request do not matter.
    """
    count = TokenCount(input_tokens=9, exact=True, low=9, high=9, source="tokenizer")
    client = make_client(budgets={"all": {"tokens": 110, "per": "client"}})
    monkeypatch.setattr(client._engine.counter, "has_tokenizer", lambda *_: True)
    monkeypatch.setattr(client._engine.counter, "_ask_tokenizers", lambda *_: (count, None))
    scripted.reply(body=chat_reply("Hi", usage=None))

    client.ask("Hello" * 100, max_tokens=100)

    assert client.budgets()[0].spent == 109


@pytest.mark.parametrize("budget", [{"dollars": "1e400"}, {"tokens": 10**400}, {"tokens": 100, "label": ""}])
@pytest.mark.parametrize("per", ["client", "day"])
def test_budgets_that_cannot_be_counted_are_rejected(make_client, budget, per):
    """
    A limit without end, and a label that no call has, are errors at construction.
    """
    with pytest.raises(ConfigurationError, match=r"budgets\.all"):
        make_client(budgets={"all": {**budget, "per": per}})


def test_embeddings_have_a_label_and_a_budget_of_their_own(make_client, scripted):
    """
    As other calls; what could cost more is not sent.
    """
    usage = {"prompt_tokens": 50, "total_tokens": 50}
    scripted.reply(body={"model": "m", "data": [{"index": 0, "embedding": [0.5]}], "usage": usage})
    client = make_client(budgets={"nightly": {"tokens": 10_000, "per": "client", "label": "nightly"}})

    client.embed("Hello", label="nightly", budget={"tokens": 5000})
    with pytest.raises(BudgetExceededError, match="budget"):
        client.embed("Hello", budget={"tokens": 1})

    assert [state.spent for state in client.budgets()] == [50]
    assert len(scripted.calls) == 1
