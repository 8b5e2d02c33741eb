"""What a server's refusal teaches a client."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood import Client
from budwood.errors import UnsupportedError, UnsupportedParameterError
from budwood_testing import ScriptedTransport, chat_chunks, chat_reply, sse
from tests.chat_server import ChatServer

NEWER = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
DEFAULT = (
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported."
)
UNKNOWN = "openai/unknown-1"


def refusal(message, param=None, code=None):
    """
    Make the body of a refusal.
    """
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def refusing(scripted, message, param=None, *, times=1):
    """
    Have the next requests refused.
    """
    for _ in range(times):
        scripted.reply(400, refusal(message, param))
    return scripted


def told(reply) -> dict[str, str]:
    """
    Return what was done to each parameter.
    """
    return {receipt.parameter: receipt.action for receipt in reply.adaptations}


def sent(scripted, number=-1) -> dict:
    """
    Return the parameters of a request.
    """
    return {name: value for name, value in scripted.sent(number).items() if name not in ("model", "messages")}


def test_a_refused_parameter_is_left_out_and_told(client, scripted, clock):
    """
    The request goes out again at once without it; the receipt quotes the server, and the ledger has both attempts.
    """
    refusing(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2, seed=1)

    assert [sent(scripted, number) for number in (0, 1)] == [{"temperature": 0.2, "seed": 1}, {"seed": 1}]
    (receipt,) = reply.adaptations
    assert (receipt.parameter, receipt.action) == ("temperature", "dropped")
    assert receipt.reason == f"unknown-1 rejects it (learned from the server: {DEFAULT})"
    assert [(attempt.status, attempt.delay) for attempt in reply.attempts] == [(400, 0.0), (200, 0.0)]
    assert clock.slept == []


def test_a_parameter_is_renamed_as_the_server_says(client, scripted):
    """
    A server that names another parameter to use gets the value under that name.
    """
    refusing(scripted, NEWER, "max_tokens").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, max_tokens=5)

    assert sent(scripted) == {"max_completion_tokens": 5}
    (receipt,) = reply.adaptations
    assert (receipt.parameter, receipt.action) == ("max_tokens", "renamed")
    assert receipt.reason == f"unknown-1 calls it max_completion_tokens (learned from the server: {NEWER})"


def test_a_rule_is_learned_once(client, scripted):
    """
    The next request is right at the first try, whole and streamed, with the same receipts.
    """
    refusing(scripted, NEWER, "max_tokens")
    refusing(scripted, DEFAULT, "temperature")
    for _ in range(2):
        scripted.reply(body=chat_reply("Hi"))
    scripted.reply(chunks=sse(*chat_chunks(["Hi"])))

    first, second = (client.ask("Hello", model=UNKNOWN, max_tokens=5, temperature=0.2) for _ in range(2))
    with client.stream("Hello", model=UNKNOWN, max_tokens=7, temperature=0.3) as stream:
        list(stream)

    assert [len(reply.attempts) for reply in (first, second, stream.response)] == [3, 1, 1]
    assert sent(scripted, 3) == {"max_completion_tokens": 5}
    assert set(first.adaptations) == set(second.adaptations) == set(stream.response.adaptations)


def test_a_lesson_binds_its_model_and_endpoint_alone(make_client, scripted):
    """
    Another model, another instance and another client know nothing of it; how the model's name is written is all one.
    """
    settings = {"providers": {"work": {"plugin": "openai", "api_key": "sk-work-secret"}}}
    client = make_client(settings=settings)
    refusing(scripted, DEFAULT, "temperature")
    for _ in range(5):
        scripted.reply(body=chat_reply("Hi"))

    client.ask("Hello", model=UNKNOWN, temperature=0.2)
    for model in ("openai/Unknown-1", "openai/unknown-2", "work/unknown-1"):
        client.ask("Hello", model=model, temperature=0.2)
    make_client().ask("Hello", model=UNKNOWN, temperature=0.2)

    assert ["temperature" in sent(scripted, number) for number in range(6)] == [True, False, False, True, True, True]


def test_a_stream_is_refused_unseen(client, scripted):
    """
    A refusal comes before the first event: who reads the stream sees one reply.
    """
    refusing(scripted, DEFAULT, "temperature").reply(chunks=sse(*chat_chunks(["Hel", "lo"])))

    with client.stream("Hello", model=UNKNOWN, temperature=0.2) as stream:
        assert list(stream.text_deltas()) == ["Hel", "lo"]

    assert told(stream.response) == {"temperature": "dropped"}
    assert "temperature" not in sent(scripted)


def test_async_clients_learn_as_well(async_client, scripted):
    """
    The async driver performs the same flow.
    """
    refusing(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi")).reply(chunks=sse(*chat_chunks(["Hi"])))

    async def talk():
        reply = await async_client.ask("Hello", model=UNKNOWN, temperature=0.2)
        async with async_client.stream("Hello", model=UNKNOWN, temperature=0.2) as stream:
            assert [event async for event in stream]
        return reply, stream.response

    for response in asyncio.run(talk()):
        assert told(response) == {"temperature": "dropped"}
    assert len(scripted.calls) == 3


def test_who_wants_an_error_gets_it_at_once(client, scripted):
    """
    With `on_unsupported="error"` a refusal is raised as it came, and nothing is learned.
    """
    refusing(scripted, DEFAULT, "temperature", times=2)

    for _ in range(2):
        with pytest.raises(UnsupportedParameterError, match="temperature") as caught:
            client.ask("Hello", model=UNKNOWN, temperature=0.2, on_unsupported="error")

        assert caught.value.param == "temperature"
        assert [attempt.status for attempt in caught.value.attempts] == [400]


def test_what_was_learned_is_an_error_for_who_wants_errors(client, scripted):
    """
    What another call has learned is refused before sending, as what the catalog knows is.
    """
    refusing(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))
    client.ask("Hello", model=UNKNOWN, temperature=0.2)

    with pytest.raises(UnsupportedError, match="learned from the server"):
        client.ask("Hello", model=UNKNOWN, temperature=0.2, on_unsupported="error")
    assert len(scripted.calls) == 2


def test_a_warning_is_given_on_demand(client, scripted):
    """
    With `on_unsupported="warn"` the request is sent again, and a warning quotes the server.
    """
    refusing(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    with pytest.warns(UserWarning, match="learned from the server"):
        reply = client.ask("Hello", model=UNKNOWN, temperature=0.2, on_unsupported="warn")

    assert told(reply) == {"temperature": "dropped"}


@pytest.mark.parametrize(
    ("message", "param", "options"),
    [
        (DEFAULT, "temperature", {}),
        (DEFAULT, "temperature", {"extra": {"temperature": 0.2}}),
        (DEFAULT, "temperature", {"temperature": 0.2, "extra": {"temperature": 0.2}}),
        ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", "messages[0].role", {}),
        ("Unsupported parameter: 'model' is not supported.", "model", {}),
        ("Unsupported parameter: 'response_format' is not supported with this model.", "response_format", {}),
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", "max_tokens", {"max_tokens": 5}),
        ("Unsupported parameter: 'frobnicate' is not supported.", "frobnicate", {"extra": {"frobnicate": 1}}),
        ("Unsupported parameter.", None, {"temperature": 0.2}),
        ("Unsupported parameter: 'messages'. Use 'input' instead.", "messages", {}),
        ("Unsupported value: 'temperature' does not support 3 with this model.", "temperature", {"temperature": 0.2}),
    ],
)
def test_what_cannot_be_spared_is_the_callers_error(client, scripted, message, param, options):
    """
    What the caller did not give, what stands in `extra`, and what a request needs is never left out: once sent, raised.
    """
    scripted.reply(400, refusal(message, param, "unsupported_parameter"))

    with pytest.raises(UnsupportedParameterError):
        client.ask("Hello", model=UNKNOWN, **options)

    assert len(scripted.calls) == 1


def test_what_was_not_given_teaches_nothing(client, scripted):
    """
    A server that takes offence at what it was not sent does not keep a later caller's parameter from it.
    """
    refusing(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))
    with pytest.raises(UnsupportedParameterError):
        client.ask("Hello", model=UNKNOWN)

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2)

    assert sent(scripted) == {"temperature": 0.2}
    assert told(reply) == {}


def test_the_receipt_is_of_what_was_sent_at_last(client, scripted):
    """
    Where the catalog's own way is refused, the lesson's receipt takes the place of the catalog's.
    """
    message = "Unsupported parameter: 'max_completion_tokens' is not supported. Use 'most_tokens' instead."
    refusing(scripted, message, "max_completion_tokens").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", max_tokens=5)

    assert sent(scripted) == {"most_tokens": 5}
    assert [receipt.reason for receipt in reply.adaptations] == [
        f"o3 calls it most_tokens (learned from the server: {message})"
    ]


def test_a_server_that_refuses_again_is_not_asked_for_ever(client, scripted):
    """
    The same refusal of a request that was mended is raised.
    """
    refusing(scripted, NEWER, "max_tokens", times=2)

    with pytest.raises(UnsupportedParameterError) as caught:
        client.ask("Hello", model=UNKNOWN, max_tokens=5)

    assert len(scripted.calls) == len(caught.value.attempts) == 2


def test_a_server_that_thinks_of_new_names_is_not_followed_for_ever(client, scripted):
    """
    One call is written anew eight times at most.
    """
    for number in range(20):
        message = f"Unsupported parameter: 'max_tokens' is not supported. Use 'max_{number}' instead."
        scripted.reply(400, refusal(message, "max_tokens"))

    with pytest.raises(UnsupportedParameterError):
        client.ask("Hello", model=UNKNOWN, max_tokens=5)

    assert len(scripted.calls) == 9


def test_many_parameters_may_be_refused_one_by_one(client, scripted):
    """
    Servers name one parameter at a time: each is learned, and retries of failures are left for failures.
    """
    options = {"temperature": 0.2, "top_p": 0.5, "presence_penalty": 1.0, "frequency_penalty": 1.0, "stop": "x"}
    for name in options:
        refusing(scripted, f"Unsupported parameter: '{name}' is not supported with this model.", name)
    scripted.reply(503).reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, retries=1, **options)

    assert told(reply) == dict.fromkeys(options, "dropped")
    assert [attempt.status for attempt in reply.attempts] == [400] * 5 + [503, 200]


def test_an_effort_is_replaced_by_the_nearest(client, scripted):
    """
    A refused effort is no reason to drop the parameter: the nearest that the server names is sent; others as before.
    """
    message = (
        "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model. "
        "Supported values are: 'low', 'medium', and 'high'."
    )
    refusing(scripted, message, "reasoning_effort").reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, reasoning_effort="xhigh")
    low = client.ask("Hello", model=UNKNOWN, reasoning_effort="low")

    assert [sent(scripted, number)["reasoning_effort"] for number in range(3)] == ["xhigh", "high", "low"]
    assert (told(reply), told(low)) == ({"reasoning_effort": "changed"}, {})


def test_tool_rounds_and_repairs_learn_too(client, scripted):
    """
    Each request of a call is sent as its model wants it, and each receipt is given once.
    """

    def act() -> str:
        return "done"

    call = {"id": "c1", "function": {"name": "act", "arguments": "{}"}}
    refusing(scripted, DEFAULT, "temperature")
    scripted.reply(body=chat_reply(None, tool_calls=[call])).reply(body=chat_reply("Ok."))

    reply = client.ask("Hello", model=UNKNOWN, tools=[act], temperature=0.2)

    assert [attempt.status for attempt in reply.attempts] == [400, 200, 200]
    assert told(reply) == {"temperature": "dropped"}
    assert "temperature" not in sent(scripted)


def test_plain_completions_learn_as_well(client, scripted):
    """
    A parameter that `complete` was given is left out in the same way; a new name of chat's is none of completions.
    """
    refusing(scripted, DEFAULT, "temperature")
    scripted.reply(body={"id": "c", "choices": [{"index": 0, "text": "on", "finish_reason": "stop"}]})

    reply = client.complete("Go", model=UNKNOWN, temperature=0.2)

    assert (reply.text, told(reply)) == ("on", {"temperature": "dropped"})
    refusing(scripted, NEWER, "max_tokens")
    with pytest.raises(UnsupportedParameterError):
        client.complete("Go", model=UNKNOWN, max_tokens=5)


def test_a_cached_reply_keeps_its_receipts(make_client, scripted):
    """
    What was learned changes no cache key: the same question is answered from the cache, and still told of.
    """
    client = make_client(cache="memory")
    refusing(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    first = client.ask("Hello", model=UNKNOWN, temperature=0.2)
    again = client.ask("Hello", model=UNKNOWN, temperature=0.2)

    assert (first.cached, again.cached) == (False, True)
    assert told(again) == told(first) == {"temperature": "dropped"}
    assert len(scripted.calls) == 2


def test_users_rows_are_completed_by_lessons(make_client, scripted):
    """
    A row of the user's holds beside what is learned of the same model.
    """
    client = make_client(settings={"models": {UNKNOWN: {"renames": {"seed": "chance"}, "source": "my notes"}}})
    refusing(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2, seed=3)

    assert sent(scripted) == {"chance": 3}
    reasons = {receipt.parameter: receipt.reason for receipt in reply.adaptations}
    assert "my notes" not in reasons["temperature"]
    assert reasons["seed"] == "unknown-1 calls it chance"


def test_the_key_shows_in_no_receipt(make_client, scripted):
    """
    A server that repeats the key in its refusal does not get it into receipts, cache or ledger.
    """
    client = make_client(api_key="sk-shown")
    refusing(scripted, "Unsupported parameter: 'temperature' is not supported for sk-shown.", "temperature")
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2)

    assert "learned" in repr(reply.adaptations)
    assert "sk-shown" not in repr(reply)


def test_threads_share_what_one_has_learned(clock):
    """
    Two threads that are refused at once both succeed; whoever comes later is not refused.
    """
    both_refused = threading.Barrier(2)
    transport = ScriptedTransport()

    def refuse(_call):
        both_refused.wait()
        return ScriptedTransport().reply(400, refusal(DEFAULT, "temperature"))._script[0]

    transport.answer(refuse).answer(refuse)
    for _ in range(3):
        transport.reply(body=chat_reply("Hi"))
    replies = []
    with Client(UNKNOWN, api_key="sk-test-secret", transport=transport, clock=clock, cache=False) as client:
        threads = [
            threading.Thread(target=lambda: replies.append(client.ask("Hello", temperature=0.2))) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        replies.append(client.ask("Hello", temperature=0.2))

    assert [len(reply.attempts) for reply in replies] == [2, 2, 1]
    assert [told(reply) for reply in replies] == [{"temperature": "dropped"}] * 3


def test_a_real_server_teaches_once():
    """
    End to end over loopback: of four calls only the first is refused, once for each parameter.
    """

    def fault(_number, body):
        if "max_tokens" in body:
            return lambda handler: handler.send(400, refusal(NEWER, "max_tokens", "unsupported_parameter"))
        if "temperature" in body:
            return lambda handler: handler.send(400, refusal(DEFAULT, "temperature", "unsupported_value"))
        return None

    with ChatServer(fault=fault) as server, Client("local/tiny", settings=server.settings, cache=False) as client:
        replies = client.ask_many([f"Say {n}" for n in range(4)], concurrency=1, max_tokens=5, temperature=0.2)

    assert [len(reply.attempts) for reply in replies] == [3, 1, 1, 1]
    assert [body.get("max_completion_tokens") for body in server.requests] == [None, 5, 5, 5, 5, 5]
    assert all(told(reply) == {"max_tokens": "renamed", "temperature": "dropped"} for reply in replies)
