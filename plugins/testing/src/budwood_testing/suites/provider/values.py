"""Values at which encoders break: zeros, bounds, several at once, and names that the caller chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from budwood.types import Capability, HTTPCall, NamedTool, ToolDefinition, VendorTool
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.sent import added, adds_value, holds_text, holds_value, place_of
from budwood_testing.suites.provider.tested import ProviderUnderTest
from budwood_testing.suites.provider.writing import TOOL

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
"""Values that are sent as they are, or with an adaptation that says what became of them."""

_MARKER: Final = "marker-of-conformance"
_OTHER_TOOL: Final = ToolDefinition(
    name="measure_tides",
    description="Tells the tides.",
    parameters={"type": "object", "properties": {"conformance_harbour": {"type": "string"}}},
)
_TOOLS: Final = (TOOL, _OTHER_TOOL)
_OPPOSITES: Final[dict[str, frozenset[str]]] = {"none": frozenset({"required", "any"}), "required": frozenset({"none"})}
"""Words that vendors have for the opposite of a choice."""


class Values(ProviderUnderTest):
    """Every value of a request is sent as it was given, or an adaptation says what was sent in its place."""

    @pytest.mark.parametrize(("name", "value"), BOUNDARIES)
    def test_boundary_value_is_sent_or_accounted_for(self, bench: Bench, name: str, value: object) -> None:
        """Zero is a value, the largest is not reduced in silence, and of several none is lost."""
        bench.claims(Capability.CHAT)
        call = bench.provider.encode(bench.request(**{name: value}), stream=False)
        plain = bench.provider.encode(bench.request(), stream=False)

        assert adds_value(call, plain, value) or name in adapted_in(call), (
            f"{name}={value!r} is not sent, and no Adaptation(parameter={name!r}, …) says so"
        )

    def test_efforts_are_told_apart(self, bench: Bench) -> None:
        """Another effort is another request, or an adaptation says that there is one only."""
        bench.claims(Capability.CHAT)
        low, high = (
            bench.provider.encode(bench.request(reasoning_effort=effort), stream=False) for effort in ("low", "high")
        )

        assert low.body != high.body or "reasoning_effort" in adapted_in(low) & adapted_in(high)

    def test_each_of_several_tools_is_described(self, bench: Bench) -> None:
        """In the order in which they were given, with a choice among them by name."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        call = bench.provider.encode(bench.request(tools=_TOOLS), stream=False)

        for tool in _TOOLS:
            assert holds_text(call, tool.name)
            assert holds_text(call, tool.description)
            assert all(holds_value(call, name) for name in _properties(tool))

    @pytest.mark.parametrize("choice", _OPPOSITES)
    def test_choice_of_tools_is_not_its_opposite(self, bench: Bench, choice: str) -> None:
        """``none`` forbids tools and ``required`` demands one; they are not the same request."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        plain = bench.provider.encode(bench.request(tools=_TOOLS), stream=False)
        call = bench.provider.encode(bench.request(tools=_TOOLS, tool_choice=choice), stream=False)
        words = {leaf.strip('"').lower() for _, leaf in added(call, plain)}

        assert not words & _OPPOSITES[choice]

    def test_tool_is_chosen_by_its_name(self, bench: Bench) -> None:
        """The one that must be called is named, is the only one offered, or an adaptation says that it cannot be."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        plain = bench.provider.encode(bench.request(tools=_TOOLS), stream=False)
        chosen = NamedTool(name=_OTHER_TOOL.name)
        call = bench.provider.encode(bench.request(tools=_TOOLS, tool_choice=chosen), stream=False)

        assert adds_value(call, plain, _OTHER_TOOL.name) or "tool_choice" in adapted_in(call)

    @pytest.mark.parametrize("strict", [True, False])
    def test_strict_of_a_tool_is_sent_or_accounted_for(self, bench: Bench, strict: bool) -> None:  # noqa: FBT001
        """It changes the request, or an adaptation says that the vendor has no such thing."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        opposite = TOOL.model_copy(update={"strict": not strict})
        call = bench.provider.encode(bench.request(tools=(TOOL.model_copy(update={"strict": strict}),)), stream=False)
        other = bench.provider.encode(bench.request(tools=(opposite,)), stream=False)
        accounted = {name for one in (call, other) for name in adapted_in(one)}

        assert call.body != other.body or any("strict" in name or name == "tools" for name in accounted)

    def test_vendors_own_options_of_a_tool_are_sent(self, bench: Bench) -> None:
        """``extra`` of a tool goes into its description, name and value."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        tool = TOOL.model_copy(update={"extra": {"x_conformance": {"deep": _MARKER}}})
        call = bench.provider.encode(bench.request(tools=(tool,)), stream=False)

        assert holds_value(call, "x_conformance")
        assert holds_value(call, {"deep": _MARKER})

    def test_vendors_own_tools_are_sent(self, bench: Bench) -> None:
        """A `VendorTool` of this vendor goes out in its own form, or an adaptation says that there are none."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        own = VendorTool(provider=bench.instance.name, data={"type": "x_conformance", "deep": {"is": _MARKER}})
        call = bench.provider.encode(bench.request(tools=(TOOL,), vendor_tools=(own,)), stream=False)

        assert holds_value(call, {"is": _MARKER}) or "vendor_tools" in adapted_in(call)
        assert holds_text(call, TOOL.name)

    def test_extra_takes_precedence(self, bench: Bench) -> None:
        """What ``extra`` says of a parameter replaces what Budwood would send for it."""
        bench.claims(Capability.CHAT)
        ours, theirs = 0.37, 0.41
        call = bench.provider.encode(bench.request(temperature=ours), stream=False)
        place = place_of(call, bench.provider.encode(bench.request(), stream=False), ours)
        if place is None:
            pytest.skip(f"{bench.instance.name} does not send the temperature under a name")
        extra = _nested(place, theirs)
        call = bench.provider.encode(bench.request(temperature=ours, extra=extra), stream=False)

        assert holds_value(call, theirs)
        assert not holds_value(call, ours)


def adapted_in(call: HTTPCall) -> set[str]:
    """Name the parameters of which an adaptation tells."""
    return {adaptation.parameter for adaptation in call.adaptations}


def _properties(tool: ToolDefinition) -> list[str]:
    properties = tool.parameters["properties"]
    return list(properties) if isinstance(properties, dict) else []


def _nested(place: Sequence[str], value: object) -> dict[str, Any]:
    first, *rest = place
    return {first: _nested(rest, value) if rest else value}
