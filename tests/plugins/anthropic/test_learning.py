"""Rules that are learned from Anthropic's errors."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.errors import UnsupportedParameterError
from tests.plugins.anthropic.test_client import make_stream, message

BOTH = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
LEVEL = "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."


def refusal(payload):
    """
    Create the body of an error that rejects a parameter.
    """
    return {"type": "error", "error": {"type": "invalid_request_error", "message": payload}}


@pytest.fixture
def client(scripted, clock):
    """
    A client of a model that is not in the catalog.
    """
    with Client(
        "anthropic/claude-next", api_key="sk-ant-secret", transport=scripted, clock=clock, cache=False
    ) as client:
        yield client


@pytest.mark.parametrize(
    "payload", ["temperature: Extra inputs are not permitted", "`temperature` is deprecated for this model."]
)
def test_a_rejected_parameter_is_dropped(client, scripted, payload):
    """
    A parameter that the model rejects is dropped, also in later requests.
    """
    scripted.reply(400, refusal(payload)).reply(200, message("Hi")).reply(200, message("Hi"))

    replies = [client.ask("Hello", temperature=0.5, stop="x") for _ in range(2)]

    assert [len(reply.attempts) for reply in replies] == [2, 1]
    assert [adaptation.parameter for adaptation in replies[1].adaptations] == ["temperature"]
    assert "temperature" not in scripted.sent()
    assert scripted.sent()["stop_sequences"] == ["x"]


def test_one_of_two_exclusive_parameters_is_dropped(client, scripted):
    """
    If temperature and top_p exclude each other, temperature is sent; each alone is sent unchanged.
    """
    scripted.reply(400, refusal(BOTH))
    for _ in range(3):
        scripted.reply(200, message("Hi"))

    both = client.ask("Hello", temperature=0.5, top_p=0.9)
    again = client.ask("Hello", temperature=0.5, top_p=0.9)
    alone = client.ask("Hello", top_p=0.9)

    (adaptation,) = both.adaptations
    assert adaptation.reason == f"claude-next rejects it together with temperature (learned from the server: {BOTH})"
    assert again.adaptations == both.adaptations
    assert ("top_p" in scripted.sent(1), "top_p" in scripted.sent(2)) == (False, False)
    assert (scripted.sent()["top_p"], alone.adaptations) == (0.9, ())


def test_an_effort_is_replaced_by_the_nearest(client, scripted):
    """
    The levels in the error message are learned, also for streams; other efforts are sent unchanged.
    """
    scripted.reply(400, refusal(LEVEL)).reply(200, chunks=make_stream("Hi")).reply(200, message("Hi"))

    with client.stream("Hello", reasoning_effort="xhigh") as stream:
        list(stream)
    low = client.ask("Hello", reasoning_effort="low")

    assert [scripted.sent(number)["output_config"]["effort"] for number in range(3)] == ["xhigh", "high", "low"]
    assert [adaptation.action for adaptation in stream.response.adaptations] == ["changed"]
    assert low.adaptations == ()


def test_a_model_without_effort_gets_none(client, scripted):
    """
    If the model rejects effort, all parameters of thinking are dropped.
    """
    scripted.reply(400, refusal("This model does not support the effort parameter.")).reply(200, message("Hi"))

    reply = client.ask("Hello", reasoning_effort="low")

    assert not {"thinking", "output_config"} & set(scripted.sent())
    assert [(adaptation.parameter, adaptation.action) for adaptation in reply.adaptations] == [
        ("reasoning_effort", "dropped")
    ]


@pytest.mark.parametrize(
    ("payload", "param"),
    [
        ("thinking.budget_tokens: Extra inputs are not permitted", "reasoning_budget"),
        ("output_config.effort: Extra inputs are not permitted", "reasoning_effort"),
        ("output_config: Extra inputs are not permitted", "output_schema"),
        (BOTH, "top_p"),
    ],
)
def test_our_name_of_the_parameter(client, scripted, payload, param):
    """
    Nested parameters of the vendor have a name of ours.
    """
    scripted.reply(400, refusal(payload))

    with pytest.raises(UnsupportedParameterError) as caught:
        client.ask("Hello")

    assert caught.value.param == param


@pytest.mark.parametrize("model", ["claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-sonnet-4-6"])
def test_the_catalog_lists_exclusive_parameters(claude, scripted, model):
    """
    For these models nothing has to be learned.
    """
    scripted.reply(200, message("Hi"))

    reply = claude.ask("Hello", model=f"anthropic/{model}", temperature=0.5, top_p=0.9)

    assert [adaptation.parameter for adaptation in reply.adaptations] == ["top_p"]
    assert scripted.sent()["temperature"] == 0.5
