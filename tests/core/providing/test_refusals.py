"""How servers refuse a parameter, and which row of the catalog that makes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import nearest_effort, refused_parameter, rule_of
from budwood.types import ModelRules

PYDANTIC = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 1}]
IN_PYTHON = [{**PYDANTIC[0], "loc": ("body", "seed")}]


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
        ("Unsupported parameter(s): `seed`", "seed"),
        ("Unsupported value: 'temperature' does not support 0.2 with this model.", "temperature"),
        ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", "messages[0].role"),
        ("Unsupported parameter: 'reasoning.effort' is not supported with this model.", "reasoning.effort"),
        ("Unrecognized request argument supplied: parallel_tool_calls", "parallel_tool_calls"),
        ("Unrecognized request arguments supplied: seed, top_k", "seed"),
        ("Unknown parameter: 'parallel_tool_calls'.", "parallel_tool_calls"),
        ("property 'store' is unsupported, did you mean 'stop'?", "store"),
        ("'messages.0' : for 'role:user' the following must be satisfied[property 'x' is unsupported]", None),
        ("Extra inputs are not permitted, field: 'seed', value: 1", "seed"),
        ('Invalid JSON payload received. Unknown name "frequency_penalty": Cannot find field.', "frequency_penalty"),
        ("`reasoning_effort` is not supported with this model", "reasoning_effort"),
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", "top_p"),
        (json.dumps({"detail": PYDANTIC}), "seed"),
        (json.dumps({"detail": PYDANTIC}, separators=(",", ":")), "seed"),
        (json.dumps(PYDANTIC), "seed"),
        (str(IN_PYTHON), "seed"),
        (json.dumps([{**PYDANTIC[0], "loc": ["body", "messages", 0, "name"]}]), None),
        ("He wrote: Unsupported parameter: 'stop'", None),
        ("That is not so.", None),
        ("", None),
    ],
)
def test_a_refusal_is_known_by_its_first_words(message, parameter):
    """
    The parameter is named as the server names it; what is only quoted, and what lies inside a field, is none.
    """
    assert refused_parameter(message) == parameter


@given(st.text())
def test_any_text_can_be_asked(message):
    """
    No text makes the reader fail, and what it finds is in the text.
    """
    found = refused_parameter(message)

    assert found is None or found in message
    assert rule_of(found, message) is None or found


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

    assert rule_of(parameter, message) == (None if rule is None else ModelRules(**rule))


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
    assert nearest_effort(wanted, taken) == nearest
