"""What must be alike in all that a provider writes of one request."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest

from budwood.types import (
    Capability,
    ChatRequest,
    HTTPCall,
    ImagePart,
    Message,
    NamedTool,
    TextPart,
    ToolDefinition,
    ToolResultPart,
    VendorTool,
)
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.features import CALLS, PIXEL, SCHEMA
from budwood_testing.suites.provider.sent import added
from budwood_testing.suites.provider.tested import ProviderUnderTest
from budwood_testing.suites.provider.writing import EXACT, TOLD, TOOL

_IMAGE: Final = Message.user("What is this?", ImagePart(data=PIXEL, media_type="image/png"))
_ROUND: Final = (
    Message.user("How is the weather?"),
    Message(role="assistant", parts=(TextPart(text="Let me look."), *CALLS)),
    Message.tool(*(ToolResultPart(call_id=call.id, name=call.name, content="Sunny.") for call in CALLS)),
)
_TOOLS: Final[Mapping[str, Any]] = MappingProxyType({"tools": (TOOL,)})


class Feature(NamedTuple):
    """
    What a request may hold.

    Attributes:
        fields: The parameters.
        messages: The conversation; by default a greeting.
        needs: What the provider must claim.
    """

    fields: Mapping[str, Any] = MappingProxyType({})
    messages: tuple[Message, ...] = ()
    needs: tuple[Capability, ...] = ()


FEATURES: Final[Mapping[str, Feature]] = {
    **{name: Feature({name: value}) for name, value in EXACT.items()},
    **{name: Feature({name: TOLD[name]}) for name in ("reasoning_effort", "reasoning_budget")},
    "parallel_tool_calls": Feature({**_TOOLS, "parallel_tool_calls": False}, needs=(Capability.TOOLS,)),
    "tools": Feature(_TOOLS, needs=(Capability.TOOLS,)),
    "tool_choice": Feature({**_TOOLS, "tool_choice": NamedTool(name=TOOL.name)}, needs=(Capability.TOOLS,)),
    "output_schema": Feature({"output_schema": SCHEMA}, needs=(Capability.JSON_SCHEMA,)),
    "extra": Feature({"extra": {"x_conformance": {"deep": [1, "two", None]}}}),
    "images": Feature(messages=(_IMAGE,), needs=(Capability.IMAGE_INPUT,)),
    "conversation": Feature(_TOOLS, messages=_ROUND, needs=(Capability.TOOLS,)),
    "system": Feature(messages=(Message.system("Be brief, please."), Message.user("Hello."))),
}
"""Each feature of a request alone."""


class Agreeing(ProviderUnderTest):
    """A request is written alike for a whole and a streamed reply, and stays what it was."""

    @pytest.mark.parametrize("name", FEATURES)
    def test_stream_asks_for_the_same(self, bench: Bench, name: str) -> None:
        """What a feature adds to the body, to the headers and to the adaptations does not depend on streaming."""
        feature = FEATURES[name]
        bench.claims(Capability.CHAT, Capability.STREAM, *feature.needs)

        assert _added_by(bench, feature, stream=True) == _added_by(bench, feature, stream=False)

    def test_encoding_leaves_the_request_as_it_is(self, bench: Bench) -> None:
        """Neither the request nor an object inside it changes, and the second encoding equals the first."""
        bench.claims(Capability.CHAT)
        request = full_request(bench)
        before = copy.deepcopy(request)
        for stream in (False, True):
            first = bench.provider.encode(request, stream=stream)

            assert request == before, "encode changed the request that it was given"
            assert bench.provider.encode(request, stream=stream) == first

    def test_adaptation_is_made_once_for_each_request(self, bench: Bench) -> None:
        """The adaptations of one request are not added to those of the next."""
        bench.claims(Capability.CHAT)
        first = bench.provider.encode(full_request(bench), stream=False).adaptations
        again = bench.provider.encode(full_request(bench), stream=False).adaptations

        assert again == first
        assert bench.provider.encode(bench.request(), stream=False).adaptations == ()


def full_request(bench: Bench) -> ChatRequest:
    """Make a request with everything that the provider claims."""
    fields: dict[str, Any] = {**EXACT, "reasoning_effort": "high", "extra": {"x_conformance": {"deep": [1]}}}
    messages: tuple[Message, ...] = (Message.system("Be brief."), Message.user("Hello."))
    capabilities = bench.provider.capabilities
    if Capability.TOOLS in capabilities:
        fields["tools"] = (_optioned(),)
        fields["vendor_tools"] = (VendorTool(provider=bench.instance.name, data={"type": "x_conformance"}),)
        messages = (messages[0], *_ROUND)
    if Capability.JSON_SCHEMA in capabilities:
        fields["output_schema"] = copy.deepcopy(SCHEMA)
    if Capability.IMAGE_INPUT in capabilities:
        messages = (*messages, _IMAGE)
    return bench.request(*messages, **fields)


def _optioned() -> ToolDefinition:
    return copy.deepcopy(TOOL).model_copy(update={"strict": True, "extra": {"x_conformance": {"deep": [1]}}})


def _added_by(bench: Bench, feature: Feature, *, stream: bool) -> tuple[object, ...]:
    call: HTTPCall = bench.provider.encode(bench.request(*feature.messages, **feature.fields), stream=stream)
    plain: HTTPCall = bench.provider.encode(bench.request(), stream=stream)
    headers = sorted(set(call.headers.items()) - set(plain.headers.items()))
    return added(call, plain), added(plain, call), headers, call.adaptations
