"""Parameters are written as the rules of the model want them, with a receipt for each change."""

from __future__ import annotations

import pytest

from budwood.providing import adapt_parameters
from budwood.providing.parameters import PARAMETERS
from budwood.types import Adaptation, ChatRequest, Message, ModelRules


def request(**parameters: object) -> ChatRequest:
    """Make a request to the model m."""
    return ChatRequest(model="m", messages=(Message.user("hi"),), **parameters)


def test_only_what_was_said_is_written():
    """
    None and an empty list are the vendor's default, and not sent; zero and False are.
    """
    written = adapt_parameters(request(temperature=0.0, seed=0, parallel_tool_calls=False, stop=()), ModelRules())

    assert written.values == {"temperature": 0.0, "seed": 0, "parallel_tool_calls": False}
    assert written.adaptations == ()


def test_every_parameter_of_the_list_is_written():
    """
    Each name of `PARAMETERS` is a field of the request and comes through.
    """
    values = {
        "temperature": 0.5,
        "top_p": 0.5,
        "max_tokens": 5,
        "stop": ("a", "b"),
        "seed": 1,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "reasoning_effort": "low",
        "parallel_tool_calls": True,
    }

    assert adapt_parameters(request(**values), ModelRules()).values == values | {"stop": ["a", "b"]}
    assert set(values) == set(PARAMETERS)


def test_a_vendors_own_name_needs_no_receipt():
    """
    A name that the vendor has for all its models is how it is written, and no adaptation.
    """
    written = adapt_parameters(request(max_tokens=5), ModelRules(), names={"max_tokens": "max_output_tokens"})

    assert written.values == {"max_output_tokens": 5}
    assert written.adaptations == ()


def test_a_models_own_name_has_a_receipt():
    """
    A name that only this model wants is told, and comes before the vendor's.
    """
    rules = ModelRules(renames={"max_tokens": "max_completion_tokens"})

    written = adapt_parameters(request(max_tokens=5), rules, names={"max_tokens": "max_output_tokens"})

    assert written.values == {"max_completion_tokens": 5}
    assert written.adaptations == (
        Adaptation(parameter="max_tokens", action="renamed", reason="m calls it max_completion_tokens"),
    )


def test_a_models_name_that_is_the_vendors_needs_no_receipt():
    """
    A rule that says what the vendor's name says changes nothing.
    """
    rules = ModelRules(renames={"max_tokens": "limit"})

    assert adapt_parameters(request(max_tokens=5), rules, names={"max_tokens": "limit"}).adaptations == ()


def test_a_refused_parameter_is_dropped_with_a_receipt():
    """
    What the model refuses is not sent, and the receipt says why and by which source.
    """
    rules = ModelRules(refuses=frozenset({"temperature"}), source="https://vendor.example/docs")

    written = adapt_parameters(request(temperature=0.5, seed=1), rules)

    assert written.values == {"seed": 1}
    assert written.adaptations == (
        Adaptation(parameter="temperature", action="dropped", reason="m rejects it (https://vendor.example/docs)"),
    )


def test_a_refused_parameter_that_was_not_said_has_no_receipt():
    """
    There is nothing to tell of what nobody asked for.
    """
    assert adapt_parameters(request(), ModelRules(refuses=frozenset({"temperature"}))).adaptations == ()


@pytest.mark.parametrize(
    ("effort", "default", "sent"),
    [("none", None, True), (None, "none", True), ("low", None, False), (None, None, False), ("low", "none", False)],
)
def test_some_parameters_are_taken_only_without_reasoning(effort, default, sent):
    """
    What is refused unless the effort is "none" depends on the request's effort, else on the model's default.
    """
    rules = ModelRules(refuses_unless_effort_none=frozenset({"temperature"}), default_effort=default)
    said = {"reasoning_effort": effort} if effort else {}

    assert ("temperature" in adapt_parameters(request(temperature=0.5, **said), rules).values) is sent


def test_a_parameter_that_few_vendors_take_needs_a_name_of_the_vendor():
    """
    A budget of reasoning goes only to vendors whose plugin gives it a name; others leave a receipt.
    """
    asked = request(reasoning_budget=1000)

    assert adapt_parameters(asked, ModelRules(), names={"reasoning_budget": "budget"}) == ({"budget": 1000}, ())
    values, receipts = adapt_parameters(asked, ModelRules())
    assert values == {}
    assert [(one.parameter, one.action) for one in receipts] == [("reasoning_budget", "dropped")]


def test_an_effort_that_the_model_does_not_know_is_changed():
    """
    The model's own word for it is sent, with a receipt; an effort that it knows has none.
    """
    rules = ModelRules(efforts={"minimal": "low"})

    changed = adapt_parameters(request(reasoning_effort="minimal"), rules)
    assert changed.values == {"reasoning_effort": "low"}
    assert [(receipt.parameter, receipt.action) for receipt in changed.adaptations] == [("reasoning_effort", "changed")]
    assert adapt_parameters(request(reasoning_effort="high"), rules).adaptations == ()


def test_a_models_defaults_yield_to_what_is_said():
    """
    What a model wants said is said, unless the caller says otherwise.
    """
    rules = ModelRules(defaults={"reasoning_format": "parsed", "temperature": 1.0})

    assert adapt_parameters(request(), rules).values == {"reasoning_format": "parsed", "temperature": 1.0}
    assert adapt_parameters(request(temperature=0.5), rules).values["temperature"] == 0.5


def test_some_parameters_are_refused_beside_others():
    """
    A parameter that is taken alone is dropped beside another, and not where that other is itself refused or absent.
    """
    rules = ModelRules(refuses_beside={"top_p": "temperature"}, source="a page")

    both = adapt_parameters(request(temperature=0.5, top_p=0.9), rules)
    alone = adapt_parameters(request(top_p=0.9), rules)
    other_refused = adapt_parameters(
        request(temperature=0.5, top_p=0.9), rules.model_copy(update={"refuses": frozenset({"temperature"})})
    )

    assert both.values == {"temperature": 0.5}
    assert both.adaptations == (
        Adaptation(parameter="top_p", action="dropped", reason="m rejects it beside temperature (a page)"),
    )
    assert (alone.values, alone.adaptations) == ({"top_p": 0.9}, ())
    assert other_refused.values == {"top_p": 0.9}


def test_defaults_lie_below_what_is_asked():
    """
    The instance's defaults come after the catalog's, and both after the request; what is refused has no default.
    """
    rules = ModelRules(defaults={"verbosity": "low"}, refuses=frozenset({"temperature"}))
    mine = {"verbosity": "high", "seed": 1, "user": "me", "temperature": 1}

    written = adapt_parameters(request(seed=2), rules, defaults=mine)

    assert written.values == {"verbosity": "low", "seed": 2, "user": "me"}
    assert [(receipt.parameter, receipt.action) for receipt in written.adaptations] == [("temperature", "dropped")]
