"""What Gemini's refusals teach."""

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
    Make the body of a refusal.
    """
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": list(violations)}]
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}}


def unknown_name(name, at="generation_config"):
    """
    Make the refusal of a name that the API does not know.
    """
    message = f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."
    return refusal(message, {"field": at, "description": message})


@pytest.fixture
def unknown(scripted, clock):
    """
    A client of a model that the catalog has no row of its own for.
    """
    with Client("gemini/newest", api_key=SECRET, transport=scripted, clock=clock, cache=False) as made:
        yield made


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
def test_a_refused_parameter_is_left_out(unknown, scripted, body, options, parameters):
    """
    What the refusal names, in its details or in its text, is left out, and known from then on; streamed as well.
    """
    scripted.reply(400, body).reply(200, reply(text("Hi"))).reply(200, chunks=sse(reply(text("Hi")), done=False))

    first = unknown.ask("Hello", temperature=0.5, **options)
    with unknown.stream("Hello", temperature=0.5, **options) as stream:
        list(stream)

    for response, attempts in (first, 2), (stream.response, 1):
        assert len(response.attempts) == attempts
        assert [receipt.parameter for receipt in response.adaptations] == parameters
    assert scripted.sent()["generationConfig"] == {"temperature": 0.5}


def test_a_schema_beside_tools_is_asked_for_in_words(unknown, scripted):
    """
    A model that takes no schema beside functions is asked in words from then on, with a receipt.
    """

    def act() -> str:
        """Do it."""
        return "done"

    scripted.reply(400, refusal(OTHER_CONFIG)).reply(200, reply(text('{"n": 1}')))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    response = unknown.ask("Hello", tools=[act], schema=schema)

    assert response.parsed == {"n": 1}
    assert "responseJsonSchema" not in scripted.sent().get("generationConfig", {})
    assert ("output_schema", "changed") in {(one.parameter, one.action) for one in response.adaptations}


def test_a_model_without_levels_is_given_a_budget(unknown, scripted):
    """
    A model that knows no levels of thinking is told a number of tokens.
    """
    scripted.reply(400, refusal("Thinking level is not supported for this model.")).reply(200, reply(text("Hi")))

    unknown.ask("Hello", reasoning_effort="low")

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
def test_one_value_tells_nothing_of_the_parameter(unknown, scripted, body):
    """
    Where only a value is refused, or something that was not given, the error is the caller's.
    """
    scripted.reply(400, body)

    with pytest.raises(UnsupportedParameterError):
        unknown.ask("Hello", reasoning_effort="high")

    assert len(scripted.calls) == 1
