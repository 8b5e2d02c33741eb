"""Which endpoint answers when others fail."""

import pytest

from budwood import (
    BudwoodError,
    CapacityError,
    ConnectionFailedError,
    ContentFilterError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from budwood_testing import ScriptedReply
from tests.core.engine.scripted_endpoints import ledger, make_settings, provider

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("failure", [503, 529, 498, ConnectionFailedError("refused")])
def test_overload_moves_to_the_backup_at_once(make_asker, endpoints, failure):
    """
    An overloaded or unreachable endpoint is not retried if there is another one.
    """
    endpoints.script("one", failure)

    reply = make_asker().ask()

    assert reply.text == "from two"
    assert endpoints.hosts == ["one", "two"]
    assert endpoints.clock.slept == []
    assert [endpoint for endpoint, _ in ledger(reply)] == ["one", "one#2"]
    assert reply.provider == "one"


@pytest.mark.parametrize("status", [500, 502, 504])
def test_other_failures_move_after_the_retries(make_asker, endpoints, status):
    """
    500, 502 and 504 are retried at the same endpoint first.
    """
    endpoints.script("one", status, status)

    reply = make_asker(retries=1).ask()

    assert reply.text == "from two"
    assert ledger(reply) == [("one", status), ("one", status), ("one#2", 200)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_rejected_request_stays(make_asker, endpoints, status):
    """
    Another endpoint is not asked if the request or the credential was rejected.
    """
    endpoints.script("one", status)

    with pytest.raises(BudwoodError) as caught:
        make_asker(fallbacks=["three/n"]).ask()

    assert ledger(caught.value) == [("one", status)]


def test_own_rate_limit_is_retried_at_the_same_endpoint(make_asker, endpoints):
    """
    The account's rate limit is no reason to leave an endpoint.
    """
    endpoints.script("one", (429, {"retry-after": "7"}))

    reply = make_asker().ask()

    assert ledger(reply) == [("one", 429), ("one", 200)]
    assert endpoints.clock.slept == [7.0]


def test_rate_limit_that_ends_too_late_moves(make_asker, endpoints):
    """
    The call cannot wait that long, and the other endpoint has a quota of its own.
    """
    endpoints.script("one", (429, {"retry-after": "200"}))

    reply = make_asker().ask()

    assert ledger(reply) == [("one", 429), ("one#2", 200)]
    assert endpoints.clock.slept == []


def test_named_class_of_errors_moves(make_asker, endpoints):
    """
    ``fallback_on`` adds classes of errors, with their subclasses.
    """
    endpoints.script("one", 429)

    reply = make_asker(fallback_on=["RateLimitError"]).ask()

    assert ledger(reply) == [("one", 429), ("one#2", 200)]


def test_content_filter_moves_only_if_it_is_named(make_asker, endpoints):
    """
    A blocked prompt goes to another vendor only if the user says so.
    """
    blocked = ScriptedReply(400, {}, (b'{"error": {"message": "blocked", "code": "content_filter"}}',))
    endpoints.script("three", blocked, blocked)
    asker = make_asker(model="three/m", fallbacks=["four/n"])

    with pytest.raises(ContentFilterError):
        asker.ask()

    assert asker.ask(fallback_on=["ContentFilterError"]).text == "from four"


def test_fallback_of_another_vendor_answers(make_asker, endpoints):
    """
    After the backups, the fallbacks are asked; the reply says who answered.
    """
    endpoints.script("one", 503).script("two", 503)

    reply = make_asker(fallbacks=["three/n"]).ask()

    assert (reply.text, reply.provider, endpoints.sent()["model"]) == ("from three", "three", "n")
    assert ledger(reply) == [("one", 503), ("one#2", 503), ("three", 200)]


def test_call_can_have_its_own_fallbacks(make_asker, endpoints):
    """
    Those of a call replace those of the client.
    """
    endpoints.script("three", 503)
    asker = make_asker(model="three/m", fallbacks=["one/m"])

    assert asker.ask(fallbacks=["four/n"]).text == "from four"


def test_model_of_a_call_may_be_a_fallback(make_asker, endpoints):
    """
    Then it is asked once.
    """
    endpoints.script("three", 503)

    reply = make_asker(fallbacks=["three/m", "four/n"]).ask(model="three/m")

    assert ledger(reply) == [("three", 503), ("four", 200)]


def test_first_error_is_raised_if_all_fail(make_asker, endpoints):
    """
    It has all attempts.
    """
    endpoints.script("one", 503).script("two", 500, 500).script("three", 400)

    with pytest.raises(CapacityError) as caught:
        make_asker(retries=1, fallbacks=["three/n"]).ask()

    assert ledger(caught.value) == [("one", 503), ("one#2", 500), ("one#2", 500), ("three", 400)]


def test_last_endpoint_is_retried_as_a_single_one(make_asker, endpoints):
    """
    An overload is retried if there is no other endpoint to ask.
    """
    endpoints.script("one", 503).script("two", 503)

    reply = make_asker(retries=1).ask()

    assert ledger(reply) == [("one", 503), ("one#2", 503), ("one#2", 200)]


def test_unreadable_reply_moves(make_asker, endpoints):
    """
    A page in place of a reply is the endpoint's failure.
    """
    endpoints.script("one", ScriptedReply(200, {}, (b"<html>login</html>",)))

    reply = make_asker().ask()

    assert [endpoint for endpoint, _ in ledger(reply)] == ["one", "one#2"]


def test_model_that_cannot_take_the_request_is_skipped(make_asker, endpoints):
    """
    It is noted in the ledger, and nothing is sent to it.
    """
    settings = make_settings(ollama={"base_url": "http://five"}, three=provider("three"))
    settings["models"] = {"three/n": {"context_window": 10}}
    endpoints.script("one", 503).script("two", 503)

    reply = make_asker(settings=settings, fallbacks=["three/n", "four/o"]).ask("many words " * 50)

    assert ledger(reply) == [("one", 503), ("one#2", 503), ("three", "skipped"), ("four", 200)]
    assert "context window" in reply.attempts[2].skipped
    assert "three" not in endpoints.hosts
    assert reply.attempts[2].cost == 0


def now() -> str:
    """Return the time."""
    return "noon"


def test_endpoint_is_retried_if_no_other_can_take_the_request(make_asker, endpoints):
    """
    It is not given up for an endpoint that will be skipped.
    """
    settings = {"providers": {"one": provider("one"), "three": provider("three", lacks=["tools"])}}
    endpoints.script("one", 503)

    reply = make_asker(settings=settings, fallbacks=["three/n"]).ask(tools=[now])

    assert ledger(reply) == [("one", 503), ("one", 200)]


def test_error_of_the_first_is_raised_if_none_can_take_the_request(make_asker, endpoints):
    """
    Nothing is sent.
    """
    settings = make_settings()
    settings["models"] = {"*": {"traits": []}, "three/m": {"kind": "embedding"}, "four/n": {"kind": "embedding"}}

    with pytest.raises(UnsupportedError, match="three/m is an embedding model"):
        make_asker(settings=settings, model="three/m", fallbacks=["four/n"]).ask()

    assert endpoints.calls == []


def test_breaker_opens_and_closes_again(make_asker, endpoints):
    """
    After three failures in a row an endpoint rests, then one call probes it, and it is used again.
    """
    endpoints.script("one", 503, 503, 503)
    asker = make_asker()
    for _ in range(3):
        asker.ask()

    rested = asker.ask()
    endpoints.clock.advance(10)
    probed = asker.ask()

    assert ledger(rested) == [("one", "skipped"), ("one#2", 200)]
    assert "circuit breaker" in rested.attempts[0].skipped
    assert ledger(probed) == [("one", 200)]


def test_all_breakers_open(make_asker, endpoints):
    """
    Then they are asked nevertheless, in order.
    """
    endpoints.script("one", *[503] * 6).script("two", *[503] * 6)
    asker = make_asker(retries=0)
    for _ in range(3):
        with pytest.raises(CapacityError):
            asker.ask()

    with pytest.raises(CapacityError) as caught:
        asker.ask()

    assert ledger(caught.value) == [("one", "skipped"), ("one#2", "skipped"), ("one", 503), ("one#2", 503)]


def test_endpoint_with_an_open_breaker_is_the_last_resort(make_asker, endpoints):
    """
    If all others fail, it is asked: it may work again.
    """
    endpoints.script("one", 503, 503, 503).script("two", "a", "b", "c", 500)
    asker = make_asker(retries=0)
    for _ in range(3):
        asker.ask()

    reply = asker.ask()

    assert ledger(reply) == [("one", "skipped"), ("one#2", 500), ("one", 200)]


def test_first_endpoint_is_retried_if_no_other_can_take_the_request(make_asker, endpoints):
    """
    A fallback with a smaller context window does not cost a retry.
    """
    settings = make_settings()
    settings["models"] = {"four/n": {"context_window": 10}}
    endpoints.script("three", (503, {"retry-after": "3"}))

    reply = make_asker(settings=settings, model="three/m", fallbacks=["four/n"]).ask("many words " * 50)

    assert ledger(reply) == [("three", 503), ("four", "skipped"), ("three", 200)]
    assert endpoints.clock.slept == [3.0]


def test_fallback_that_a_budget_has_no_room_for_is_skipped(make_asker, endpoints):
    """
    A cheaper one is asked.
    """
    prices = {"one/m": "1", "three/n": "1000", "four/o": "1"}
    settings = make_settings()
    settings["models"] = {model: {"prices": {"input": price, "output": price}} for model, price in prices.items()}
    endpoints.script("one", 503).script("two", 503)

    reply = make_asker(settings=settings, fallbacks=["three/n", "four/o"]).ask(budget=0.05)

    assert ledger(reply) == [("one", 503), ("one#2", 503), ("three", "skipped"), ("four", 200)]


def test_request_with_stored_data_is_not_moved(make_asker, endpoints):
    """
    The error says why no other endpoint was asked.
    """
    endpoints.script("one", 503, 503)

    with pytest.raises(CapacityError, match="No other endpoint was asked, because previous_response_id") as caught:
        make_asker(retries=1).ask(extra={"previous_response_id": "resp_1"})

    assert ledger(caught.value) == [("one", 503), ("one", 503)]


def test_error_of_a_single_endpoint_does_not_mention_others(make_asker, endpoints):
    """
    Also if the request could not be moved.
    """
    endpoints.script("three", 503)

    with pytest.raises(CapacityError) as caught:
        make_asker(model="three/m", retries=0, hedge=60).ask(extra={"previous_response_id": "resp_1"})

    assert "No other endpoint" not in str(caught.value)


def add(a: int, b: int) -> int:
    """
    Add numbers.
    """
    return a + b


def calls_add(call_id):
    """
    Return the body of a reply that calls a tool.
    """
    call = {"id": call_id, "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    return {"choices": [{"message": {"role": "assistant", "tool_calls": [call]}, "finish_reason": "tool_calls"}]}


def test_call_stays_with_its_endpoint_in_later_rounds(make_asker, endpoints):
    """
    Rounds of tools go to the endpoint that answered the first, which gets its own messages back unchanged.
    """
    endpoints.script("one", 503).reply_json("two", calls_add("id-of-two"))

    reply = make_asker().ask("Add", tools=[add])

    assert endpoints.hosts == ["one", "two", "two"]
    assert reply.text == "from two"
    sent = endpoints.sent()["messages"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "id-of-two"


def test_later_round_can_move_as_well(make_asker, endpoints):
    """
    The other endpoint gets the messages of both, with new ids for the calls of others.
    """
    endpoints.reply_json("one", calls_add("id-of-one")).script("one", 503).reply_json("two", calls_add("id-of-two"))

    reply = make_asker().ask("Add", tools=[add])

    assert endpoints.hosts == ["one", "one", "two", "two"]
    assert reply.text == "from two"
    sent = endpoints.sent()["messages"]
    assert [sent[number]["tool_call_id"] for number in (2, 4)] == ["call00001", "id-of-two"]


def test_deadline_ends_the_search(make_asker, endpoints):
    """
    No further endpoint is asked after the timeout of the call.
    """
    endpoints.script("one", ScriptedReply(200, {}, (b"{}",), delay=100))

    with pytest.raises(BudwoodError) as caught:
        make_asker(timeout=10).ask()

    assert endpoints.hosts == ["one"]
    assert caught.value.phase == "deadline"


def test_retries_do_not_use_up_the_time_for_others(make_asker, endpoints):
    """
    A Retry-After of an overloaded endpoint does not delay the next one.
    """
    endpoints.script("one", (503, {"retry-after": "100"}))

    assert make_asker().ask().text == "from two"
    assert endpoints.clock.slept == []


def test_rate_limit_of_all_is_raised(make_asker, endpoints):
    """
    The error of the first endpoint is raised with its own class.
    """
    endpoints.script("one", 429).script("two", 500)

    with pytest.raises(RateLimitError):
        make_asker(retries=0, fallback_on=["RateLimitError"]).ask()


def test_services_use_backups_only(make_asker, endpoints):
    """
    Embeddings of another model cannot be compared, so they go to backups of the same model.
    """
    endpoints.script("one", 503).script("two", 500)
    asker = make_asker(retries=0, fallbacks=["three/n"])

    with pytest.raises((CapacityError, ServerError)):
        asker.runner.run(asker.client.embed("x")) if asker.is_async else asker.client.embed("x")

    assert endpoints.hosts == ["one", "two"]
