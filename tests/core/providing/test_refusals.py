"""Rejections of parameters by servers, and the rules that follow from them."""

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
def test_the_start_of_a_message_names_the_parameter(message, parameter):
    """
    The server's name is returned; quoted names and paths inside a field do not count.
    """
    assert find_refused_parameter(message) == parameter


def test_a_vendor_can_have_its_own_patterns():
    """
    They are matched at the start of the message, after the common ones.
    """
    others = (r"We know no (\w+)",)

    assert find_refused_parameter("We know no seed.", others) == "seed"
    assert find_refused_parameter("Sorry. We know no seed.", others) is None
    assert find_refused_parameter("We know no seed.") is None


@given(st.text())
def test_any_message_is_accepted(message):
    """
    No message raises an exception, and the parameter is part of the message.
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
def test_a_refusal_becomes_a_rule(parameter, message, rule):
    """
    A new name, a rejection, an exclusion, or other efforts; None if the message names no valid value.
    """
    if rule is not None and "renames" in rule:
        rule = {"renames": {parameter: rule["renames"]}}

    assert make_rule(parameter, message) == (None if rule is None else ModelRules(**rule))


@pytest.mark.parametrize(
    ("effort", "supported", "nearest"),
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
def test_the_nearest_effort(effort, supported, nearest):
    """
    Of two equally near efforts the lower one; `none` only if it is the only one.
    """
    assert find_nearest_effort(effort, supported) == nearest
