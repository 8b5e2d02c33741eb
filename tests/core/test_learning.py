"""What a client learns from a server's rejection."""

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


def make_rejection(message, param=None, code=None):
    """
    Return the body of an error that rejects a parameter.
    """
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def reject(scripted, message, param=None, *, times=1):
    """
    Script servers that reject the next requests.
    """
    for _ in range(times):
        scripted.reply(400, make_rejection(message, param))
    return scripted


def get_actions(reply) -> dict[str, str]:
    """
    Return the action of each adapted parameter.
    """
    return {adaptation.parameter: adaptation.action for adaptation in reply.adaptations}


def get_sent_parameters(scripted, number=-1) -> dict:
    """
    Return the parameters of a request.
    """
    return {name: value for name, value in scripted.sent(number).items() if name not in ("model", "messages")}


def test_a_rejected_parameter_is_omitted_and_reported(client, scripted, clock):
    """
    The request is retried immediately without it; the adaptation quotes the server, and there are two attempts.
    """
    reject(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2, seed=1)

    assert [get_sent_parameters(scripted, number) for number in (0, 1)] == [
        {"temperature": 0.2, "seed": 1},
        {"seed": 1},
    ]
    (adaptation,) = reply.adaptations
    assert (adaptation.parameter, adaptation.action) == ("temperature", "dropped")
    assert adaptation.reason == f"unknown-1 rejects it (learned from the server: {DEFAULT})"
    assert [(attempt.status, attempt.delay) for attempt in reply.attempts] == [(400, 0.0), (200, 0.0)]
    assert clock.slept == []


def test_a_parameter_is_renamed_as_the_server_says(client, scripted):
    """
    The value is sent under the name that the server suggests.
    """
    reject(scripted, NEWER, "max_tokens").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, max_tokens=5)

    assert get_sent_parameters(scripted) == {"max_completion_tokens": 5}
    (adaptation,) = reply.adaptations
    assert (adaptation.parameter, adaptation.action) == ("max_tokens", "renamed")
    assert adaptation.reason == f"unknown-1 calls it max_completion_tokens (learned from the server: {NEWER})"


def test_a_rule_is_learned_once(client, scripted):
    """
    Later requests are correct the first time, complete and streamed, with the same adaptations.
    """
    reject(scripted, NEWER, "max_tokens")
    reject(scripted, DEFAULT, "temperature")
    for _ in range(2):
        scripted.reply(body=chat_reply("Hi"))
    scripted.reply(chunks=sse(*chat_chunks(["Hi"])))

    first, second = (client.ask("Hello", model=UNKNOWN, max_tokens=5, temperature=0.2) for _ in range(2))
    with client.stream("Hello", model=UNKNOWN, max_tokens=7, temperature=0.3) as stream:
        list(stream)

    assert [len(reply.attempts) for reply in (first, second, stream.response)] == [3, 1, 1]
    assert get_sent_parameters(scripted, 3) == {"max_completion_tokens": 5}
    assert set(first.adaptations) == set(second.adaptations) == set(stream.response.adaptations)


def test_a_rule_applies_only_to_its_model_and_endpoint(make_client, scripted):
    """
    Other models, instances and clients are not affected; the case of the model's name does not matter.
    """
    settings = {"providers": {"work": {"plugin": "openai", "api_key": "sk-work-secret"}}}
    client = make_client(settings=settings)
    reject(scripted, DEFAULT, "temperature")
    for _ in range(5):
        scripted.reply(body=chat_reply("Hi"))

    client.ask("Hello", model=UNKNOWN, temperature=0.2)
    for model in ("openai/Unknown-1", "openai/unknown-2", "work/unknown-1"):
        client.ask("Hello", model=model, temperature=0.2)
    make_client().ask("Hello", model=UNKNOWN, temperature=0.2)

    assert ["temperature" in get_sent_parameters(scripted, number) for number in range(6)] == [
        True,
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_rejected_stream_is_retried(client, scripted):
    """
    The rejection comes before the first event, so that the reader sees one reply.
    """
    reject(scripted, DEFAULT, "temperature").reply(chunks=sse(*chat_chunks(["Hel", "lo"])))

    with client.stream("Hello", model=UNKNOWN, temperature=0.2) as stream:
        assert list(stream.text_deltas()) == ["Hel", "lo"]

    assert get_actions(stream.response) == {"temperature": "dropped"}
    assert "temperature" not in get_sent_parameters(scripted)


def test_async_clients_learn_as_well(async_client, scripted):
    """
    The async driver performs the same flow.
    """
    reject(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi")).reply(chunks=sse(*chat_chunks(["Hi"])))

    async def run_scenario():
        reply = await async_client.ask("Hello", model=UNKNOWN, temperature=0.2)
        async with async_client.stream("Hello", model=UNKNOWN, temperature=0.2) as stream:
            assert [event async for event in stream]
        return reply, stream.response

    for response in asyncio.run(run_scenario()):
        assert get_actions(response) == {"temperature": "dropped"}
    assert len(scripted.calls) == 3


def test_a_rejection_can_be_an_error(client, scripted):
    """
    With `on_unsupported="error"` the server's error is raised, and nothing is learned.
    """
    reject(scripted, DEFAULT, "temperature", times=2)

    for _ in range(2):
        with pytest.raises(UnsupportedParameterError, match="temperature") as caught:
            client.ask("Hello", model=UNKNOWN, temperature=0.2, on_unsupported="error")

        assert caught.value.param == "temperature"
        assert [attempt.status for attempt in caught.value.attempts] == [400]


def test_a_learned_rule_can_be_an_error(client, scripted):
    """
    With `on_unsupported="error"` a parameter that another call has learned is an error before sending.
    """
    reject(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))
    client.ask("Hello", model=UNKNOWN, temperature=0.2)

    with pytest.raises(UnsupportedError, match="learned from the server"):
        client.ask("Hello", model=UNKNOWN, temperature=0.2, on_unsupported="error")
    assert len(scripted.calls) == 2


def test_a_rejection_can_be_a_warning(client, scripted):
    """
    With `on_unsupported="warn"` the request is retried, and a warning quotes the server.
    """
    reject(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    with pytest.warns(UserWarning, match="learned from the server"):
        reply = client.ask("Hello", model=UNKNOWN, temperature=0.2, on_unsupported="warn")

    assert get_actions(reply) == {"temperature": "dropped"}


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
def test_required_parameters_are_never_omitted(client, scripted, message, param, options):
    """
    The server's error is raised, as for parameters that the caller did not pass, and for `extra`.
    """
    scripted.reply(400, make_rejection(message, param, "unsupported_parameter"))

    with pytest.raises(UnsupportedParameterError):
        client.ask("Hello", model=UNKNOWN, **options)

    assert len(scripted.calls) == 1


def test_a_parameter_that_was_not_sent_is_not_learned(client, scripted):
    """
    Later calls may pass it.
    """
    reject(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))
    with pytest.raises(UnsupportedParameterError):
        client.ask("Hello", model=UNKNOWN)

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2)

    assert get_sent_parameters(scripted) == {"temperature": 0.2}
    assert get_actions(reply) == {}


def test_the_adaptation_describes_the_last_request(client, scripted):
    """
    If the server rejects the catalog's adaptation, the learned one replaces it.
    """
    message = "Unsupported parameter: 'max_completion_tokens' is not supported. Use 'most_tokens' instead."
    reject(scripted, message, "max_completion_tokens").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", max_tokens=5)

    assert get_sent_parameters(scripted) == {"most_tokens": 5}
    assert [adaptation.reason for adaptation in reply.adaptations] == [
        f"o3 calls it most_tokens (learned from the server: {message})"
    ]


def test_a_repeated_rejection_is_raised(client, scripted):
    """
    The same rejection of an adapted request is an error.
    """
    reject(scripted, NEWER, "max_tokens", times=2)

    with pytest.raises(UnsupportedParameterError) as caught:
        client.ask("Hello", model=UNKNOWN, max_tokens=5)

    assert len(scripted.calls) == len(caught.value.attempts) == 2


def test_the_number_of_rules_per_call_is_limited(client, scripted):
    """
    A request is adapted at most eight times.
    """
    for number in range(20):
        message = f"Unsupported parameter: 'max_tokens' is not supported. Use 'max_{number}' instead."
        scripted.reply(400, make_rejection(message, "max_tokens"))

    with pytest.raises(UnsupportedParameterError):
        client.ask("Hello", model=UNKNOWN, max_tokens=5)

    assert len(scripted.calls) == 9


def test_several_parameters_may_be_rejected_one_by_one(client, scripted):
    """
    Each is learned, and retries are left for failures.
    """
    options = {"temperature": 0.2, "top_p": 0.5, "presence_penalty": 1.0, "frequency_penalty": 1.0, "stop": "x"}
    for name in options:
        reject(scripted, f"Unsupported parameter: '{name}' is not supported with this model.", name)
    scripted.reply(503).reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, retries=1, **options)

    assert get_actions(reply) == dict.fromkeys(options, "dropped")
    assert [attempt.status for attempt in reply.attempts] == [400] * 5 + [503, 200]


def test_an_effort_is_replaced_by_the_nearest(client, scripted):
    """
    The parameter is not omitted: the nearest effort that the server lists is sent.
    """
    message = (
        "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model. "
        "Supported values are: 'low', 'medium', and 'high'."
    )
    reject(scripted, message, "reasoning_effort").reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, reasoning_effort="xhigh")
    low = client.ask("Hello", model=UNKNOWN, reasoning_effort="low")

    assert [get_sent_parameters(scripted, number)["reasoning_effort"] for number in range(3)] == [
        "xhigh",
        "high",
        "low",
    ]
    assert (get_actions(reply), get_actions(low)) == ({"reasoning_effort": "changed"}, {})


def test_tool_rounds_and_repairs_learn_too(client, scripted):
    """
    Each request of a call follows the learned rules, and each adaptation is reported once.
    """

    def act() -> str:
        return "done"

    call = {"id": "c1", "function": {"name": "act", "arguments": "{}"}}
    reject(scripted, DEFAULT, "temperature")
    scripted.reply(body=chat_reply(None, tool_calls=[call])).reply(body=chat_reply("Ok."))

    reply = client.ask("Hello", model=UNKNOWN, tools=[act], temperature=0.2)

    assert [attempt.status for attempt in reply.attempts] == [400, 200, 200]
    assert get_actions(reply) == {"temperature": "dropped"}
    assert "temperature" not in get_sent_parameters(scripted)


def test_plain_completions_learn_as_well(client, scripted):
    """
    Parameters of `complete` are omitted in the same way; renames of chat do not apply.
    """
    reject(scripted, DEFAULT, "temperature")
    scripted.reply(body={"id": "c", "choices": [{"index": 0, "text": "on", "finish_reason": "stop"}]})

    reply = client.complete("Go", model=UNKNOWN, temperature=0.2)

    assert (reply.text, get_actions(reply)) == ("on", {"temperature": "dropped"})
    reject(scripted, NEWER, "max_tokens")
    with pytest.raises(UnsupportedParameterError):
        client.complete("Go", model=UNKNOWN, max_tokens=5)


def test_a_cached_reply_keeps_its_adaptations(make_client, scripted):
    """
    Learned rules do not change the cache key.
    """
    client = make_client(cache="memory")
    reject(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    first = client.ask("Hello", model=UNKNOWN, temperature=0.2)
    again = client.ask("Hello", model=UNKNOWN, temperature=0.2)

    assert (first.cached, again.cached) == (False, True)
    assert get_actions(again) == get_actions(first) == {"temperature": "dropped"}
    assert len(scripted.calls) == 2


def test_rows_of_the_user_are_merged_with_learned_rules(make_client, scripted):
    """
    Both apply to the same model.
    """
    client = make_client(settings={"models": {UNKNOWN: {"renames": {"seed": "chance"}, "source": "my notes"}}})
    reject(scripted, DEFAULT, "temperature").reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2, seed=3)

    assert get_sent_parameters(scripted) == {"chance": 3}
    reasons = {adaptation.parameter: adaptation.reason for adaptation in reply.adaptations}
    assert "my notes" not in reasons["temperature"]
    assert reasons["seed"] == "unknown-1 calls it chance"


def test_the_key_is_not_in_an_adaptation(make_client, scripted):
    """
    If a server repeats the key in its rejection, it is not in adaptations, cache or attempts.
    """
    client = make_client(api_key="sk-shown")
    reject(scripted, "Unsupported parameter: 'temperature' is not supported for sk-shown.", "temperature")
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=UNKNOWN, temperature=0.2)

    assert "learned" in repr(reply.adaptations)
    assert "sk-shown" not in repr(reply)


def test_threads_share_learned_rules(clock):
    """
    Two concurrent rejections are both retried; later requests are correct.
    """
    both_refused = threading.Barrier(2)
    transport = ScriptedTransport()

    def refuse(_call):
        both_refused.wait()
        return ScriptedTransport().reply(400, make_rejection(DEFAULT, "temperature"))._script[0]

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
    assert [get_actions(reply) for reply in replies] == [{"temperature": "dropped"}] * 3


def test_rules_are_learned_from_a_real_server():
    """
    Over loopback, only the first of four calls is rejected, once for each parameter.
    """

    def fault(_number, body):
        if "max_tokens" in body:
            return lambda handler: handler.send(400, make_rejection(NEWER, "max_tokens", "unsupported_parameter"))
        if "temperature" in body:
            return lambda handler: handler.send(400, make_rejection(DEFAULT, "temperature", "unsupported_value"))
        return None

    with ChatServer(fault=fault) as server, Client("local/tiny", settings=server.settings, cache=False) as client:
        replies = client.ask_many(
            [f"Say {n}" for n in range(4)], concurrency=1, max_tokens=5, temperature=0.2
        ).in_order()

    assert [len(reply.attempts) for reply in replies] == [3, 1, 1, 1]
    assert [body.get("max_completion_tokens") for body in server.requests] == [None, 5, 5, 5, 5, 5]
    assert all(get_actions(reply) == {"max_tokens": "renamed", "temperature": "dropped"} for reply in replies)
