"""In which order endpoints are asked, and that conversations stay with one."""

import json
import random

import pytest

from budwood import AsyncClient, Client, ConfigurationError, UnsupportedError
from budwood.engine.endpoints.endpoint import Target
from budwood_testing import ScriptedReply
from tests.core.engine.scripted_endpoints import ledger, make_settings, provider

THREE = {"model": "three/m", "fallbacks": ["four/n"]}


def test_round_robin_asks_each_in_turn(make_asker, endpoints):
    """
    Backups and fallbacks take part.
    """
    asker = make_asker(routing="round-robin", fallbacks=["three/n"])

    for _ in range(6):
        asker.ask()

    assert endpoints.hosts == ["one", "two", "three"] * 2


def test_round_robin_fails_over(make_asker, endpoints):
    """
    The others are asked in the same order.
    """
    endpoints.script("two", 503)
    asker = make_asker(routing="round-robin", fallbacks=["three/n"])

    asker.ask()
    asker.ask()

    assert endpoints.hosts == ["one", "two", "three"]


def test_weights_decide_how_often(make_asker, endpoints):
    """
    Shares of 3 to 1 are met within the bounds of chance; an endpoint without weight is only asked when others fail.
    """
    weights = {"one": 3, "one#2": 1, "three/n": 0}
    asker = make_asker(routing="weighted", weights=weights, fallbacks=["three/n"])
    asker.client._engine.random = random.Random(7)

    for _ in range(400):
        asker.ask()

    assert 260 <= endpoints.hosts.count("one") <= 340
    assert endpoints.hosts.count("one") + endpoints.hosts.count("two") == 400


def test_cheapest_is_asked_first(make_asker, endpoints):
    """
    By the catalog, for the tokens of this request; an unknown price comes last.
    """
    settings = make_settings()
    settings["models"] = {
        "three/m": {"prices": {"input": "1", "output": "1"}},
        "four/n": {"prices": {"input": "0.1", "output": "3"}},
    }
    asker = make_asker(settings=settings, routing="cheapest", model="one/m", fallbacks=["three/m", "four/n"])

    asker.ask("short", max_tokens=1000)
    asker.ask("long " * 5000, max_tokens=10)

    assert endpoints.hosts == ["three", "four"]


def test_fastest_is_asked_first(make_asker, endpoints):
    """
    By the latency of earlier replies; a new endpoint is tried once.
    """
    asker = make_asker(routing="fastest", **THREE)
    asker.client._engine.random = random.Random(1)
    slow = ScriptedReply(200, {}, (json.dumps(text("slow")).encode(),), delay=5)
    endpoints.script("three", slow)

    for _ in range(5):
        asker.ask()

    assert endpoints.hosts == ["three", "four", "four", "four", "four"]


def text(content):
    """
    Return the body of a reply.
    """
    return {"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}


def test_conversation_stays_with_its_endpoint(make_asker, endpoints):
    """
    So that the vendor's prompt cache can be used.
    """
    asker = make_asker(routing="round-robin", fallbacks=["three/n"])

    for conversation in ("a", "b", "a", "b", "a"):
        asker.ask(conversation=conversation)

    assert endpoints.hosts == ["one", "two", "one", "two", "one"]


def test_stored_response_is_continued_where_it_is(make_asker, endpoints):
    """
    Whatever the order: other endpoints do not have it.
    """
    for host in ("three", "four"):
        endpoints.reply_json(host, {**text("hello"), "id": f"resp_{host}"})
    asker = make_asker(routing="round-robin", **THREE)
    asker.ask()
    asker.ask()

    for response in ("resp_four", "resp_three", "resp_unknown"):
        asker.ask(extra={"previous_response_id": response})

    assert endpoints.hosts == ["three", "four", "four", "three", "three"]


def test_conversation_moves_if_its_endpoint_fails(make_asker, endpoints):
    """
    Then it stays with the one that answered.
    """
    endpoints.script("one", "hello", 503)
    asker = make_asker(routing="round-robin", **THREE)
    endpoints.script("three", "hello", 503)

    for _ in range(4):
        asker.ask(conversation="a")

    assert endpoints.hosts == ["three", "three", "four", "four", "four"]


def test_conversations_are_spread(make_asker, endpoints):
    """
    Round-robin counts conversations, not their calls, of which there may be two in each.
    """
    asker = make_asker(routing="round-robin", **THREE)

    for conversation in ("a", "b", "c"):
        for _ in range(2):
            asker.ask(conversation=conversation)

    assert endpoints.hosts == ["three", "three", "four", "four", "three", "three"]


def test_chat_session_stays_with_its_endpoint(make_asker, endpoints):
    """
    Without a name.
    """
    asker = make_asker(routing="round-robin", **THREE)
    chats = [asker.client.chat(), asker.client.chat()]

    for _ in range(3):
        for chat in chats:
            asked = chat.ask("Hi")
            if asker.is_async:
                asker.runner.run(asked)

    assert endpoints.hosts == ["three", "four"] * 3


def now() -> str:
    """Return the time."""
    return "noon"


def test_many_prompts_are_asked_if_one_endpoint_can_take_them(make_asker, endpoints):
    """
    As with a single prompt, an endpoint that cannot take them is skipped.
    """
    settings = {"providers": {"one": provider("one", lacks=["tools"]), "three": provider("three")}}
    asker = make_asker(settings=settings)

    def ask_many(**options):
        replies = asker.client.ask_many(["Hi"], tools=[now], **options).in_order()
        return asker.runner.run(replies) if asker.is_async else replies

    (reply,) = ask_many(fallbacks=["three/n"])

    assert ledger(reply) == [("one", "skipped"), ("three", 200)]
    with pytest.raises(UnsupportedError, match="one/m does not support tools"):
        ask_many()


def test_ordered_returns_to_the_first(make_asker, endpoints):
    """
    A conversation does not keep a call from an endpoint that works again.
    """
    endpoints.script("three", 503)
    asker = make_asker(**THREE)

    for _ in range(2):
        asker.ask(conversation="a")

    assert endpoints.hosts == ["three", "four", "three"]


def test_target_names_backups_apart(make_asker):
    """
    The address is the same for all endpoints of a provider, the name is not.
    """
    asker = make_asker()
    target = asker.client._engine.endpoints.find("one/m")
    backup = Target(target.endpoint.backups[0], "m")

    assert (target.address, backup.address) == ("one/m", "one/m")
    assert (target.name, backup.name) == ("one/m", "one#2/m")


def test_weights_of_the_client_do_not_prevent_calls_to_other_models(make_asker, endpoints):
    """
    A call that names another model ignores them; weights of a call must be for its own endpoints.
    """
    asker = make_asker(routing="weighted", weights={"one": 1, "one#2": 1})

    assert asker.ask(model="three/n").text == "from three"
    with pytest.raises(ConfigurationError, match="weights= contains 'one'"):
        asker.ask(model="three/n", weights={"one": 2})


@pytest.mark.parametrize("make_client", [Client, AsyncClient])
def test_classes_of_errors_are_checked_without_a_model(make_client):
    """
    A client without a default model reports a class that does not exist as well.
    """
    with pytest.raises(ConfigurationError, match="NoSuchError"):
        make_client(fallback_on=["NoSuchError"], settings=make_settings())
