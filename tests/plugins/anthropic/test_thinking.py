from __future__ import annotations

import json

import pytest

from budwood.catalog import Catalog
from budwood.types import (
    Capability,
    ChatRequest,
    Message,
    ModelRules,
    NamedTool,
    ReasoningPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)
from tests.plugins.anthropic.conftest import KNOWN

WEATHER = ToolDefinition(name="weather", parameters={"type": "object", "properties": {}})


def encode(provider, **fields):
    """
    Encode a request; return its body and its adaptations.
    """
    request = ChatRequest(**{"model": "claude", "messages": (Message.user("Hi"),), **fields})
    call = provider.encode(request, stream=False)
    return json.loads(call.body), [(one.parameter, one.action) for one in call.adaptations]


def with_traits(*traits, **rules):
    """
    Create rules with these traits.
    """
    return KNOWN.model_copy(update={"traits": frozenset(traits), **rules})


def test_an_adaptive_model_gets_an_effort(make_provider):
    """
    Newer models decide themselves how much to think.
    """
    body, adaptations = encode(make_provider(with_traits("adaptive", "effort")), reasoning_effort="high")

    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    assert adaptations == []


def test_an_unsupported_effort_becomes_the_nearest(make_provider):
    """
    The catalog has the replacement, which is reported.
    """
    rules = with_traits("adaptive", "effort", efforts={"xhigh": "high"})
    body, adaptations = encode(make_provider(rules), reasoning_effort="xhigh")

    assert body["output_config"] == {"effort": "high"}
    assert adaptations == [("reasoning_effort", "changed")]


@pytest.mark.parametrize(("bound", "budget"), [(None, 16384), (100_000, 16384), (4000, 2000), (1500, 1024)])
def test_a_model_with_budgets_gets_tokens(make_provider, bound, budget):
    """
    The budget leaves room in ``max_tokens`` for the answer.
    """
    body, adaptations = encode(make_provider(), reasoning_effort="high", max_tokens=bound)

    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["max_tokens"] > budget
    assert adaptations == [("reasoning_effort", "changed")]


def test_no_room_for_thinking_is_reported(make_provider):
    """
    If ``max_tokens`` is not larger than the minimum budget, thinking is dropped.
    """
    body, adaptations = encode(make_provider(), reasoning_effort="low", max_tokens=1024)

    assert "thinking" not in body
    assert adaptations == [("reasoning_effort", "dropped")]


@pytest.mark.parametrize(("provider", "is_kept"), [("anthropic", True), ("openai", False), (None, False)])
def test_tool_calls_without_thinking_exclude_a_budget(make_provider, provider, is_kept):
    """
    The API rejects a budget if the turn has calls of another model, or without thinking; earlier turns do not matter.
    """
    call = ToolCallPart(id="c1", name="weather")
    thought = ReasoningPart(text="Hm", provider=provider, data={"signature": "s"})
    parts = (thought, call) if provider else (call,)
    turn = (
        Message(role="assistant", parts=parts),
        Message.tool(ToolResultPart(call_id="c1", name="weather", content="sunny")),
    )
    fields = {"tools": (WEATHER,), "reasoning_effort": "high"}

    in_turn, adaptations = encode(make_provider(), messages=(Message.user("Hi"), *turn), **fields)
    later, _ = encode(make_provider(), messages=(Message.user("Hi"), *turn, Message.user("And?")), **fields)
    adaptive, _ = encode(make_provider(with_traits("adaptive")), messages=(Message.user("Hi"), *turn), **fields)

    assert ("thinking" in in_turn) == is_kept
    assert (("reasoning_effort", "dropped") in adaptations) == (not is_kept)
    assert later["thinking"]["type"] == "enabled"
    assert adaptive["thinking"] == {"type": "adaptive"}


def test_a_budget_is_sent_unchanged(make_provider):
    """
    Models without budgets use adaptive thinking.
    """
    body, adaptations = encode(make_provider(), reasoning_budget=2000)
    assert (body["thinking"], adaptations) == ({"type": "enabled", "budget_tokens": 2000}, [])
    assert body["max_tokens"] > 2000

    body, adaptations = encode(make_provider(with_traits("adaptive", "no_budget")), reasoning_budget=2000)
    assert (body["thinking"], adaptations) == ({"type": "adaptive"}, [("reasoning_budget", "dropped")])


@pytest.mark.parametrize(
    ("traits", "config"),
    [((), None), (("thinks",), {"type": "disabled"}), (("between_tools",), {"type": "between_tools"})],
)
def test_thinking_is_turned_off_in_the_models_own_way(make_provider, traits, config):
    """
    Models that think by default get the value that turns it off; others get nothing.
    """
    body, adaptations = encode(make_provider(with_traits(*traits)), reasoning_effort="none")

    assert (body.get("thinking"), adaptations) == (config, [])


@pytest.mark.parametrize(
    ("rules", "effort"),
    [(with_traits("always_thinks"), "none"), (KNOWN.model_copy(update={"lacks": {Capability.REASONING}}), "high")],
)
def test_unsupported_thinking_is_dropped(make_provider, rules, effort):
    """
    A model that always thinks, or never does, cannot be changed; it is reported.
    """
    body, adaptations = encode(make_provider(rules), reasoning_effort=effort)

    assert "thinking" not in body
    assert adaptations == [("reasoning_effort", "dropped")]


def test_an_unknown_model_has_the_traits_of_the_newest(make_provider):
    """
    A name that is not in the catalog is probably a new model, which uses adaptive thinking.
    """
    body, adaptations = encode(make_provider(ModelRules()), reasoning_effort="minimal")

    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    assert adaptations == [("reasoning_effort", "changed")]


def test_parameters_that_thinking_excludes_are_dropped(make_provider):
    """
    The temperature must be 1 and ``top_p`` high; with a budget no tool can be forced.
    """
    tool_call = {"temperature": 0.2, "top_p": 0.5, "tools": (WEATHER,), "tool_choice": NamedTool(name="weather")}
    body, adaptations = encode(make_provider(), reasoning_budget=2000, **tool_call)

    assert not {"temperature", "top_p"} & set(body)
    assert body["tool_choice"] == {"type": "auto"}
    assert sorted(adaptations) == [("temperature", "dropped"), ("tool_choice", "changed"), ("top_p", "dropped")]
    assert encode(make_provider(), temperature=1, top_p=0.95, reasoning_budget=2000)[1] == []
    assert encode(make_provider(), **tool_call)[1] == []


def test_an_adaptive_model_can_be_forced_to_call_a_tool(make_provider):
    """
    Only budgets exclude forced tools, and models that reject them.
    """
    tool_call = {"tools": (WEATHER,), "tool_choice": "required", "reasoning_effort": "high"}
    free, bound = with_traits("adaptive", "effort"), with_traits("adaptive", "effort", "no_forced_tools")

    assert encode(make_provider(free), **tool_call)[0]["tool_choice"] == {"type": "any"}
    assert encode(make_provider(bound), **tool_call)[0]["tool_choice"] == {"type": "auto"}


def test_strict_tools_need_structured_output(make_provider):
    """
    Other models reject ``strict``, which is dropped with an adaptation.
    """
    strict = WEATHER.model_copy(update={"strict": True})
    old = KNOWN.model_copy(update={"lacks": {Capability.JSON_SCHEMA}})

    assert encode(make_provider(), tools=(strict,))[0]["tools"][0]["strict"] is True
    body, adaptations = encode(make_provider(old), tools=(strict,))
    assert "strict" not in body["tools"][0]
    assert adaptations == [("tools.strict", "dropped")]


@pytest.mark.parametrize(
    ("model", "config", "effort"),
    [
        ("claude-3-5-haiku-latest", None, None),
        ("claude-3-7-sonnet-20250219", "enabled", None),
        ("claude-sonnet-4-20250514", "enabled", None),
        ("claude-haiku-4-5", "enabled", None),
        ("claude-opus-4-5-20251101", "enabled", "high"),
        ("claude-opus-4-6", "adaptive", "high"),
        ("claude-opus-4-8", "adaptive", "xhigh"),
        ("claude-sonnet-5-5", "adaptive", "xhigh"),
        ("claude-fable-5-1", "adaptive", "xhigh"),
    ],
)
def test_the_catalog_has_the_traits_of_each_generation(make_provider, model, config, effort):
    """
    The catalog selects between budget, adaptive thinking and effort; the code has no model names.
    """
    provider = make_provider(Catalog().rules("anthropic", "anthropic", model))
    body, _ = encode(provider, model=model, reasoning_effort="xhigh")

    assert body.get("thinking", {}).get("type") == config
    assert body.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-sonnet-5", "claude-mythos-5-1", "claude-haiku-5-5"])
def test_the_catalog_lists_models_that_reject_sampling(make_provider, model):
    """
    Models from Opus 4.7 on reject temperature and ``top_p``.
    """
    rules = Catalog().rules("anthropic", "anthropic", model)
    body, adaptations = encode(make_provider(rules), temperature=0.5, top_p=0.9)

    assert not {"temperature", "top_p"} & set(body)
    assert adaptations == [("temperature", "dropped"), ("top_p", "dropped")]
    earlier = Catalog().rules("anthropic", "anthropic", "claude-opus-4-6")
    assert encode(make_provider(earlier), temperature=0.5)[0]["temperature"] == 0.5
