"""Tests of values that often break encoders: zeros, limits, lists, and names of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from budwood.types import Capability, HTTPCall, NamedTool, ToolDefinition, VendorTool
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.request_content import added, adds_value, holds_text, holds_value, path_of
from budwood_testing.suites.provider.requests import TOOL
from budwood_testing.suites.provider.under_test import ProviderUnderTest

BOUNDARIES: Final[tuple[tuple[str, Any], ...]] = (
    ("temperature", 0.0),
    ("temperature", 2.0),
    ("top_p", 0.0),
    ("top_p", 1.0),
    ("max_tokens", 1),
    ("max_tokens", 999_999_999),
    ("stop", ("HALT-7", "HALT-8", "HALT-9")),
    ("seed", 0),
    ("seed", 2**53 - 1),
    ("frequency_penalty", 0.0),
    ("frequency_penalty", -2.0),
    ("presence_penalty", 0.0),
    ("presence_penalty", 2.0),
)
"""Values that are sent unchanged, or reported as an adaptation."""

_MARKER: Final = "marker-of-conformance"
_OTHER_TOOL: Final = ToolDefinition(
    name="measure_tides",
    description="Tells the tides.",
    parameters={"type": "object", "properties": {"conformance_harbour": {"type": "string"}}},
)
_TOOLS: Final = (TOOL, _OTHER_TOOL)
_OPPOSITES: Final[dict[str, frozenset[str]]] = {"none": frozenset({"required", "any"}), "required": frozenset({"none"})}
"""Vendors' words for the opposite of a tool choice."""


class ValueTests(ProviderUnderTest):
    """Each value of a request is sent unchanged, or an adaptation reports the change."""

    @pytest.mark.parametrize(("name", "value"), BOUNDARIES)
    def test_boundary_value_is_sent_or_reported(self, bench: Bench, name: str, value: object) -> None:
        """Zeros, large values and lists are sent unchanged, or an adaptation reports the change."""
        bench.claims(Capability.CHAT)
        call = bench.provider.encode(bench.request(**{name: value}), stream=False)
        plain = bench.provider.encode(bench.request(), stream=False)

        assert adds_value(call, plain, value) or name in adapted_in(call), (
            f"{name}={value!r} is not sent: send it, or add an Adaptation(parameter={name!r}, …)"
        )

    def test_reasoning_efforts_differ(self, bench: Bench) -> None:
        """Different reasoning efforts give different requests, or an adaptation reports them."""
        bench.claims(Capability.CHAT)
        low, high = (
            bench.provider.encode(bench.request(reasoning_effort=effort), stream=False) for effort in ("low", "high")
        )

        assert low.body != high.body or "reasoning_effort" in adapted_in(low) & adapted_in(high)

    def test_each_tool_definition_is_sent(self, bench: Bench) -> None:
        """The name, description and parameters of each tool are sent."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        call = bench.provider.encode(bench.request(tools=_TOOLS), stream=False)

        for tool in _TOOLS:
            assert holds_text(call, tool.name)
            assert holds_text(call, tool.description)
            assert all(holds_value(call, name) for name in _properties(tool))

    @pytest.mark.parametrize("choice", _OPPOSITES)
    def test_tool_choice_is_not_inverted(self, bench: Bench, choice: str) -> None:
        """The tool choice ``none`` is not sent as ``required``, or the reverse."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        plain = bench.provider.encode(bench.request(tools=_TOOLS), stream=False)
        call = bench.provider.encode(bench.request(tools=_TOOLS, tool_choice=choice), stream=False)
        words = {leaf.strip('"').lower() for _, leaf in added(call, plain)}

        assert not words & _OPPOSITES[choice]

    def test_named_tool_choice_is_sent_or_reported(self, bench: Bench) -> None:
        """The name of the chosen tool is sent as the choice, or an adaptation reports it."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        plain = bench.provider.encode(bench.request(tools=_TOOLS), stream=False)
        choice = NamedTool(name=_OTHER_TOOL.name)
        call = bench.provider.encode(bench.request(tools=_TOOLS, tool_choice=choice), stream=False)

        assert adds_value(call, plain, _OTHER_TOOL.name) or "tool_choice" in adapted_in(call)

    @pytest.mark.parametrize("strict", [True, False])
    def test_strict_tool_is_sent_or_reported(self, bench: Bench, strict: bool) -> None:  # noqa: FBT001
        """`strict` of a tool changes the request, or an adaptation reports it."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        opposite = TOOL.model_copy(update={"strict": not strict})
        call = bench.provider.encode(bench.request(tools=(TOOL.model_copy(update={"strict": strict}),)), stream=False)
        other = bench.provider.encode(bench.request(tools=(opposite,)), stream=False)
        adapt_parameters = {name for one in (call, other) for name in adapted_in(one)}

        assert call.body != other.body or any("strict" in name or name == "tools" for name in adapt_parameters)

    def test_extra_options_of_a_tool_are_sent(self, bench: Bench) -> None:
        """``extra`` of a tool is added to its definition, unchanged."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        tool = TOOL.model_copy(update={"extra": {"x_conformance": {"deep": _MARKER}}})
        call = bench.provider.encode(bench.request(tools=(tool,)), stream=False)

        assert holds_value(call, "x_conformance")
        assert holds_value(call, {"deep": _MARKER})

    def test_vendor_tools_are_sent_or_reported(self, bench: Bench) -> None:
        """A `VendorTool` of this vendor is sent unchanged, or an adaptation reports it."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        own = VendorTool(provider=bench.instance.name, data={"type": "x_conformance", "deep": {"is": _MARKER}})
        call = bench.provider.encode(bench.request(tools=(TOOL,), vendor_tools=(own,)), stream=False)

        assert holds_value(call, {"is": _MARKER}) or "vendor_tools" in adapted_in(call)
        assert holds_text(call, TOOL.name)

    def test_extra_takes_precedence(self, bench: Bench) -> None:
        """A value in ``extra`` replaces the one that Budwood would send."""
        bench.claims(Capability.CHAT)
        ours, theirs = 0.37, 0.41
        call = bench.provider.encode(bench.request(temperature=ours), stream=False)
        path = path_of(call, bench.provider.encode(bench.request(), stream=False), ours)
        if path is None:
            pytest.skip(f"{bench.instance.name} does not send the temperature in a named field")
        extra = _nested(path, theirs)
        call = bench.provider.encode(bench.request(temperature=ours, extra=extra), stream=False)

        assert holds_value(call, theirs)
        assert not holds_value(call, ours)


def adapted_in(call: HTTPCall) -> set[str]:
    """Return the parameters that the adaptations of a call report."""
    return {adaptation.parameter for adaptation in call.adaptations}


def _properties(tool: ToolDefinition) -> list[str]:
    properties = tool.parameters["properties"]
    return list(properties) if isinstance(properties, dict) else []


def _nested(path: Sequence[str], value: object) -> dict[str, Any]:
    first, *rest = path
    return {first: _nested(rest, value) if rest else value}
