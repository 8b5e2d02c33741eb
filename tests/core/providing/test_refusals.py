"""How servers refuse a parameter, and which row of the catalog that makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import find_refused_parameter, make_rule
from budwood.providing.refusals import find_nearest_effort
from budwood.types import ModelRules


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
        ("Unsupported parameter(s): `seed`", "seed"),
        ("Unsupported value: 'temperature' does not support 0.2 with this model.", "temperature"),
        ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", "messages[0].role"),
        ("Unsupported parameter: 'reasoning.effort' is not supported with this model.", "reasoning.effort"),
        ("Unknown parameter: 'parallel_tool_calls'.", "parallel_tool_calls"),
        ("`reasoning_effort` is not supported with this model", "reasoning_effort"),
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", "top_p"),
        ("He wrote: Unsupported parameter: 'stop'", None),
        ("That is not so.", None),
        ("", None),
    ],
)
def test_a_refusal_is_known_by_its_first_words(message, parameter):
    """
    The parameter is named as the server names it; what is only quoted, and what lies inside a field, is none.
    """
    assert find_refused_parameter(message) == parameter


def test_a_vendor_may_have_refusals_of_its_own():
    """
    Further expressions are looked for from the beginning of the text, after the common ones.
    """
    others = (r"We know no (\w+)",)

    assert find_refused_parameter("We know no seed.", others) == "seed"
    assert find_refused_parameter("Sorry. We know no seed.", others) is None
    assert find_refused_parameter("We know no seed.") is None


@given(st.text())
def test_any_text_can_be_asked(message):
    """
    No text makes the reader fail, and what it finds is in the text.
    """
    found = find_refused_parameter(message)

    assert found is None or found in message
    assert make_rule(found, message) is None or found


@pytest.mark.parametrize(
    ("parameter", "message", "rule"),
    [
        ("max_tokens", "Not supported. Use 'max_completion_tokens' instead.", {"renames": "max_completion_tokens"}),
        ("max_tokens", "Unsupported parameter: 'max_tokens' is not supported.", None),
        ("stop", "Unsupported parameter: 'stop' is not supported with this model.", {"refuses": {"stop"}}),
        ("temperature", "'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
         {"refuses": {"temperature"}}),
        ("temperature", "'temperature' does not support 3 with this model.", None),
        ("reasoning_effort", "This model does not support effort level 'xhigh'.", None),
        ("reasoning_effort", "This model does not support effort level 'xhigh'. Supported levels: high, low, max.",
         {"efforts": {"xhigh": "high"}}),
        ("reasoning_effort", "This model does not support the effort parameter.", {"refuses": {"reasoning_effort"}}),
        ("top_p", "`temperature` and `top_p` cannot both be specified.", {"refuses_beside": {"top_p": "temperature"}}),
        ("messages", "Unsupported value: 'messages[0].role' does not support 'system' with this model.", None),
        ("tools", "Unsupported parameter: 'tools' is not supported with this model.", None),
        (None, "Unsupported parameter.", None),
    ],
)  # fmt: skip
def test_a_refusal_makes_a_row(parameter, message, rule):
    """
    A new name, a refusal, one beside another, or other efforts; nothing where the words do not tell what would do.
    """
    if rule is not None and "renames" in rule:
        rule = {"renames": {parameter: rule["renames"]}}

    assert make_rule(parameter, message) == (None if rule is None else ModelRules(**rule))


@pytest.mark.parametrize(
    ("wanted", "taken", "nearest"),
    [
        ("xhigh", ["low", "medium", "high"], "high"),
        ("minimal", ["none", "low", "medium"], "low"),
        ("none", ["minimal", "low"], "minimal"),
        ("minimal", ["none", "default"], "none"),
        ("xhigh", ["max", "high"], "high"),
        ("HIGH", ["LOW", "MEDIUM"], "medium"),
        ("default", ["low"], None),
        ("low", ["default"], None),
    ],
)
def test_the_nearest_effort(wanted, taken, nearest):
    """
    Of two as near the smaller; none at all only where there is no other.
    """
    assert find_nearest_effort(wanted, taken) == nearest
