"""Parameters are encoded by the rules of the model; each change is an adaptation."""

from __future__ import annotations

import pytest

from budwood.providing import adapt_fields, adapt_parameters, drop_fields
from budwood.providing.parameters import PARAMETERS
from budwood.types import Adaptation, ChatRequest, ImageRequest, Message, ModelRules


def make_request(**parameters: object) -> ChatRequest:
    """
    Create a request to the model m.
    """
    return ChatRequest(model="m", messages=(Message.user("hi"),), **parameters)


def test_only_parameters_that_are_set_are_encoded():
    """
    None and an empty list are left out; zero and False are sent.
    """
    encoded = adapt_parameters(make_request(temperature=0.0, seed=0, parallel_tool_calls=False, stop=()), ModelRules())

    assert encoded.values == {"temperature": 0.0, "seed": 0, "parallel_tool_calls": False}
    assert encoded.adaptations == ()


def test_every_listed_parameter_is_encoded():
    """
    Each name in `PARAMETERS` is a field of the request and is sent.
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

    assert adapt_parameters(make_request(**values), ModelRules()).values == values | {"stop": ["a", "b"]}
    assert set(values) == set(PARAMETERS)


def test_a_vendors_own_name_is_no_adaptation():
    """
    A name that applies to all models of the vendor is not reported.
    """
    encoded = adapt_parameters(make_request(max_tokens=5), ModelRules(), names={"max_tokens": "max_output_tokens"})

    assert encoded.values == {"max_output_tokens": 5}
    assert encoded.adaptations == ()


def test_a_models_own_name_is_an_adaptation():
    """
    The model's name of a parameter takes precedence over the vendor's, and is reported.
    """
    rules = ModelRules(renames={"max_tokens": "max_completion_tokens"})

    encoded = adapt_parameters(make_request(max_tokens=5), rules, names={"max_tokens": "max_output_tokens"})

    assert encoded.values == {"max_completion_tokens": 5}
    assert encoded.adaptations == (
        Adaptation(parameter="max_tokens", action="renamed", reason="m calls it max_completion_tokens"),
    )


def test_the_vendors_name_is_no_adaptation():
    """
    A rule with the vendor's usual name changes nothing.
    """
    rules = ModelRules(renames={"max_tokens": "limit"})

    assert adapt_parameters(make_request(max_tokens=5), rules, names={"max_tokens": "limit"}).adaptations == ()


def test_a_rejected_parameter_is_dropped():
    """
    The adaptation has the reason and its source.
    """
    rules = ModelRules(refuses=frozenset({"temperature"}), source="https://vendor.example/docs")

    encoded = adapt_parameters(make_request(temperature=0.5, seed=1), rules)

    assert encoded.values == {"seed": 1}
    assert encoded.adaptations == (
        Adaptation(parameter="temperature", action="dropped", reason="m rejects it (https://vendor.example/docs)"),
    )


def test_a_rejected_parameter_that_is_not_set_is_no_adaptation():
    """
    Only parameters of the request are reported.
    """
    assert adapt_parameters(make_request(), ModelRules(refuses=frozenset({"temperature"}))).adaptations == ()


@pytest.mark.parametrize(
    ("effort", "default", "sent"),
    [("none", None, True), (None, "none", True), ("low", None, False), (None, None, False), ("low", "none", False)],
)
def test_some_parameters_need_effort_none(effort, default, sent):
    """
    The effort of the request counts, or the model's default.
    """
    rules = ModelRules(refuses_unless_effort_none=frozenset({"temperature"}), default_effort=default)
    fields = {"reasoning_effort": effort} if effort else {}

    assert ("temperature" in adapt_parameters(make_request(temperature=0.5, **fields), rules).values) is sent


def test_a_rare_parameter_needs_a_vendors_name():
    """
    A reasoning budget is sent only if the vendor's plugin names it; otherwise it is reported as dropped.
    """
    requested = make_request(reasoning_budget=1000)

    assert adapt_parameters(requested, ModelRules(), names={"reasoning_budget": "budget"}) == ({"budget": 1000}, ())
    values, adaptations = adapt_parameters(requested, ModelRules())
    assert values == {}
    assert [(one.parameter, one.action) for one in adaptations] == [("reasoning_budget", "dropped")]


def test_an_unsupported_effort_is_changed():
    """
    The model's effort is sent and reported; a supported effort is not reported.
    """
    rules = ModelRules(efforts={"minimal": "low"})

    changed = adapt_parameters(make_request(reasoning_effort="minimal"), rules)
    assert changed.values == {"reasoning_effort": "low"}
    assert [(adaptation.parameter, adaptation.action) for adaptation in changed.adaptations] == [
        ("reasoning_effort", "changed")
    ]
    assert adapt_parameters(make_request(reasoning_effort="high"), rules).adaptations == ()


def test_the_request_overrides_a_models_defaults():
    """
    A model's defaults are sent unless the request sets the parameter.
    """
    rules = ModelRules(defaults={"reasoning_format": "parsed", "temperature": 1.0})

    assert adapt_parameters(make_request(), rules).values == {"reasoning_format": "parsed", "temperature": 1.0}
    assert adapt_parameters(make_request(temperature=0.5), rules).values["temperature"] == 0.5


def test_some_parameters_are_rejected_together():
    """
    A parameter is dropped if it excludes another that is sent, and not if that one is rejected or absent.
    """
    rules = ModelRules(refuses_beside={"top_p": "temperature"}, source="a page")

    both_set = adapt_parameters(make_request(temperature=0.5, top_p=0.9), rules)
    one_set = adapt_parameters(make_request(top_p=0.9), rules)
    other_rejected = adapt_parameters(
        make_request(temperature=0.5, top_p=0.9), rules.model_copy(update={"refuses": frozenset({"temperature"})})
    )

    assert both_set.values == {"temperature": 0.5}
    assert both_set.adaptations == (
        Adaptation(parameter="top_p", action="dropped", reason="m rejects it together with temperature (a page)"),
    )
    assert (one_set.values, one_set.adaptations) == ({"top_p": 0.9}, ())
    assert other_rejected.values == {"top_p": 0.9}


def test_the_order_of_defaults():
    """
    The request takes precedence over the catalog's defaults, and these over the instance's.
    """
    rules = ModelRules(defaults={"verbosity": "low"}, refuses=frozenset({"temperature"}))
    instance_defaults = {"verbosity": "high", "seed": 1, "user": "me", "temperature": 1}

    encoded = adapt_parameters(make_request(seed=2), rules, defaults=instance_defaults)

    assert encoded.values == {"verbosity": "low", "seed": 2, "user": "me"}
    assert [(adaptation.parameter, adaptation.action) for adaptation in encoded.adaptations] == [
        ("temperature", "dropped")
    ]


def test_fields_of_other_requests_are_encoded():
    """
    Fields that are set are sent under the vendor's names, also zeros; what the model refuses is an adaptation.
    """
    request = ImageRequest(model="m", prompt="A cat", seed=0, quality="low", background="opaque")
    rules = ModelRules(refuses=frozenset({"background"}), renames={"quality": "level"})

    values, adaptations = adapt_fields(
        request, rules, {"n": "n", "seed": "random_seed", "quality": "quality", "background": "background"}
    )

    assert values == {"random_seed": 0, "level": "low"}
    assert [(each.parameter, each.action) for each in adaptations] == [("background", "dropped")]


def test_fields_that_the_vendor_lacks_are_adaptations_if_they_are_set():
    """
    Zero is a value; None and an empty object are none.
    """
    request = ImageRequest(model="m", prompt="A cat", seed=0)

    assert drop_fields(request, {"seed": "no seed", "quality": "no quality", "extra": "no extra"}) == (
        Adaptation(parameter="seed", action="dropped", reason="no seed"),
    )
