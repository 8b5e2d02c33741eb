"""Rules that are learned from Gemini's errors."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.errors import UnsupportedParameterError
from budwood_testing import sse
from tests.plugins.gemini.conftest import SECRET
from tests.plugins.gemini.replies import reply, text

OTHER_CONFIG = "Function calling with a response mime type: 'application/json' is unsupported"


def refusal(message, *violations):
    """
    Create the body of an error that rejects a parameter.
    """
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": list(violations)}]
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}}


def unknown_name(name, at="generation_config"):
    """
    Create the error for an unknown field.
    """
    message = f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."
    return refusal(message, {"field": at, "description": message})


@pytest.fixture
def client(scripted, clock):
    """
    A client of a model that is not in the catalog.
    """
    with Client("gemini/newest", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "options", "parameters"),
    [
        (unknown_name("frequencyPenalty"), {"frequency_penalty": 1.0}, ["frequency_penalty"]),
        (unknown_name("topP"), {"top_p": 0.5}, ["top_p"]),
        (unknown_name("seed"), {"seed": 3}, ["seed"]),
        (
            refusal("Penalty is not enabled for models/newest"),
            {"frequency_penalty": 1.0, "presence_penalty": 1.0},
            ["frequency_penalty", "presence_penalty"],
        ),
        (refusal("Thinking is not enabled for models/newest"), {"reasoning_effort": "low"}, ["reasoning_effort"]),
        (refusal("Thinking is not enabled for models/newest"), {"reasoning_budget": 99}, ["reasoning_budget"]),
    ],
)
def test_a_rejected_parameter_is_dropped(client, scripted, body, options, parameters):
    """
    A parameter named in the details or the message is dropped, also in later requests and streams.
    """
    scripted.reply(400, body).reply(200, reply(text("Hi"))).reply(200, chunks=sse(reply(text("Hi")), done=False))

    first = client.ask("Hello", temperature=0.5, **options)
    with client.stream("Hello", temperature=0.5, **options) as stream:
        list(stream)

    for response, attempts in (first, 2), (stream.response, 1):
        assert len(response.attempts) == attempts
        assert [adaptation.parameter for adaptation in response.adaptations] == parameters
    assert scripted.sent()["generationConfig"] == {"temperature": 0.5}


def test_a_schema_with_tools_is_learned(client, scripted):
    """
    If a model rejects both, later schemas are sent in words, with an adaptation.
    """

    def act() -> str:
        """Do it."""
        return "done"

    scripted.reply(400, refusal(OTHER_CONFIG)).reply(200, reply(text('{"n": 1}')))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    response = client.ask("Hello", tools=[act], schema=schema)

    assert response.parsed == {"n": 1}
    assert "responseJsonSchema" not in scripted.sent().get("generationConfig", {})
    assert ("output_schema", "changed") in {(one.parameter, one.action) for one in response.adaptations}


def test_a_model_without_levels_gets_a_budget(client, scripted):
    """
    The rejected level becomes a number of tokens.
    """
    scripted.reply(400, refusal("Thinking level is not supported for this model.")).reply(200, reply(text("Hi")))

    client.ask("Hello", reasoning_effort="low")

    configs = [scripted.sent(number)["generationConfig"]["thinkingConfig"] for number in (0, 1)]
    assert [("thinkingLevel" in config, "thinkingBudget" in config) for config in configs] == [
        (True, False), (False, True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        refusal("Thinking level HIGH is not supported for this model."),
        refusal("Budget 99999 is invalid."),
        unknown_name("temperature", at="contents[0]"),
        unknown_name("role", at="contents[0]"),
    ],
)
def test_a_rejected_value_is_not_learned(client, scripted, body):
    """
    If only a value is rejected, or a parameter that was not sent, the error is raised.
    """
    scripted.reply(400, body)

    with pytest.raises(UnsupportedParameterError):
        client.ask("Hello", reasoning_effort="high")

    assert len(scripted.calls) == 1
