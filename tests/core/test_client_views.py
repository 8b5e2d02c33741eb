"""Views of clients: what they share with the client, and the defaults that they set."""

from __future__ import annotations

import asyncio
import os
import threading
from decimal import Decimal

import pytest

from budwood import AsyncClient, Client
from budwood.client.threaded import ThreadedClient
from budwood.errors import BudgetExceededError, BudwoodError, ConfigurationError
from budwood_testing import chat_chunks, chat_reply, sse
from tests.forking import run_in_child

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
COST = Decimal("0.0028")
SETTINGS = {
    "providers": {"work": {"plugin": "openai", "api_key": "k"}},
    "models": {"work/*": {"prices": {"input": "2", "output": "8"}}},
}


@pytest.fixture
def make_client(scripted, clock):
    """
    Make clients of a model that costs 2 dollars for input, 8 for output.
    """

    def make(**changes):
        return Client("work/m", **{"settings": SETTINGS, "transport": scripted, "clock": clock, **changes})

    return make


def spent(client):
    """
    Return what is spent of each budget.
    """
    return [state.spent for state in client.budgets()]


def test_view_labels_all_kinds_of_calls(make_client, scripted):
    """
    Streams, chats, lists of prompts and embeddings have its label.
    """
    settings = {**SETTINGS, "models": {"work/*": {"prices": {"input": "2", "output": "8"}, "kind": None}}}
    client = make_client(settings=settings, budgets={"n": {"tokens": 100_000, "per": "client", "label": "n"}})
    scripted.reply(chunks=sse(*chat_chunks(["Hi"]), {"id": "c", "choices": [], "usage": USAGE}))
    scripted.reply(body=chat_reply("Hi", usage=USAGE)).reply(body=chat_reply("Hi", usage=USAGE))
    scripted.reply(
        body={
            "model": "m",
            "data": [{"index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        }
    )
    view = client.labelled("n")

    with view.stream("Hello") as stream:
        list(stream)
    view.chat().ask("Hello")
    view.ask_many(["Hello"]).in_order()
    view.embed("Hello")

    assert spent(client) == [3 * 1100 + 7]


def test_view_shares_everything_with_its_client(make_client, scripted):
    """
    Closing it leaves the client open; after the client is closed, the view is closed too.
    """
    client = make_client()
    view = client.labelled("nightly")
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    with view:
        pass

    assert isinstance(view, Client)
    assert client.ask("Hello").text == "Hi"
    client.close()
    with pytest.raises(BudwoodError, match="closed"):
        view.ask("Hello")


@pytest.mark.parametrize("label", ["", None, 5])
def test_label_must_be_a_text(make_client, label):
    """
    Another value is an error at once.
    """
    with pytest.raises(ConfigurationError, match="label"):
        make_client().labelled(label)


def test_view_sets_options_of_its_calls(make_client, scripted, clock):
    """
    They replace those of the client, and those of a call replace them.
    """
    view = make_client(retries=2).view(retries=0)
    scripted.reply(503).reply(503).reply(body=chat_reply("Hi"))

    with pytest.raises(BudwoodError):
        view.ask("Hello")

    assert len(scripted.calls) == 1
    assert view.ask("Hello", retries=1).text == "Hi"


def test_options_of_a_view_are_parsed_once(make_client, scripted):
    """
    Its calls use the parsed ones, and the client keeps its own.
    """
    client = make_client(timeout=5)
    view = client.view(timeout=7)
    scripted.reply(body=chat_reply("Hi"))

    assert view._engine is view._engine
    assert view._engine._parse({}).options is view._engine.options
    assert (client._engine.options.timeout, view._engine.options.timeout) == (5, 7)


def test_budget_of_a_view_counts_only_its_calls(make_client, scripted):
    """
    It applies in addition to the budgets of the client.
    """
    client = make_client(budgets={"all": {"dollars": 1, "per": "client"}})
    view = client.view(budgets={"key": {"dollars": "0.01", "per": "client"}})
    for _ in range(3):
        scripted.reply(body=chat_reply("Hi", usage=USAGE))

    client.ask("Hello", max_tokens=100)
    view.ask("Hello", max_tokens=100)
    view.ask("Hello", max_tokens=100)

    assert (spent(client), spent(view)) == ([3 * COST], [3 * COST, 2 * COST])
    with pytest.raises(BudgetExceededError) as caught:
        view.ask("Hello", max_tokens=1000)
    assert caught.value.budget == "key"


def test_view_of_a_view_has_the_defaults_of_both(make_client, scripted):
    """
    Where both set one, the newer applies; budgets are added.
    """
    client = make_client()
    outer = client.view(label="outer", timeout=7, retries=0, budgets={"a": {"tokens": 5000, "per": "client"}})
    inner = outer.view(retries=1, budgets={"b": {"tokens": 5000, "per": "client", "label": "outer"}})
    scripted.reply(body=chat_reply("Hi", usage=USAGE)).reply(body=chat_reply("Hi", usage=USAGE))

    inner.ask("Hello", max_tokens=100)
    inner.labelled("inner").ask("Hello", max_tokens=100)

    options = inner._engine.options
    assert (options.timeout, options.retries, outer._engine.options.retries) == (7, 1, 0)
    assert [(state.name, state.spent) for state in inner.budgets()] == [("a", 2200), ("b", 1100)]
    assert client.budgets() == ()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"timeout": 0}, "timeout"),
        ({"temperature": 1}, "Unknown option 'temperature'"),
        ({"fallbacks": ["work/m"]}, "asked already"),
        ({"fallback_on": ["Wrong"]}, "not a class of errors"),
        ({"budgets": {"b": {"per": "day"}}}, "neither dollars nor tokens"),
        ({"budgets": {"all": {"tokens": 5, "per": "day"}}}, "a budget of this name already: all"),
    ],
)
def test_invalid_default_is_an_error_at_once(make_client, arguments, reason):
    """
    Not first at a call of the view.
    """
    client = make_client(budgets={"all": {"dollars": 1, "per": "client"}})

    with pytest.raises(ConfigurationError, match=reason):
        client.view(**arguments)


def test_view_of_an_async_client(scripted, clock):
    """
    It is an async client, also if a blocking client answers.
    """

    async def ask(client):
        async with client.view(label="n", budgets={"b": {"tokens": 5000, "per": "client"}}) as view:
            await view.ask("Hello", max_tokens=100)
            return [state.spent for state in await view.budgets()]

    for _ in range(2):
        scripted.reply(body=chat_reply("Hi", usage=USAGE))
    asynchronous = AsyncClient("work/m", settings=SETTINGS, transport=scripted.asynchronous, clock=clock)
    threaded = ThreadedClient(Client("work/m", settings=SETTINGS, transport=scripted, clock=clock))

    assert asyncio.run(ask(asynchronous)) == [1100]
    assert asyncio.run(ask(threaded)) == [1100]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_view_works_in_a_forked_process(make_client, scripted):
    """
    Its budgets do not depend on threads of the parent, and its calls have ids of their own.
    """
    client = make_client()
    view = client.view(budgets={"b": {"tokens": 5000, "per": "client"}})
    (budget,) = view._engine.budgets
    scripted.reply(body=chat_reply("Hi", usage=USAGE))
    locked, done = threading.Event(), threading.Event()

    def hold():
        with budget._lock:
            locked.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait()
    ids = [view._engine.random.getrandbits(64)]
    try:
        answer = run_in_child(lambda: f"{view.ask('Hello', max_tokens=100).text} {view._engine.random.getrandbits(64)}")
    finally:
        done.set()
        thread.join()

    text, number = answer.split()
    assert text == "Hi"
    assert int(number) not in (*ids, view._engine.random.getrandbits(64))
