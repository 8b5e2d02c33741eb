"""Tests that all encodings of one request are consistent."""

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
from budwood_testing.suites.provider.request_content import added
from budwood_testing.suites.provider.requests import EXACT, TOOL, VENDOR_SPECIFIC
from budwood_testing.suites.provider.under_test import ProviderUnderTest

_IMAGE: Final = Message.user("What is this?", ImagePart(data=PIXEL, media_type="image/png"))
_TOOL_TURNS: Final = (
    Message.user("How is the weather?"),
    Message(role="assistant", parts=(TextPart(text="Let me look."), *CALLS)),
    Message.tool(*(ToolResultPart(call_id=call.id, name=call.name, content="Sunny.") for call in CALLS)),
)
_TOOLS: Final[Mapping[str, Any]] = MappingProxyType({"tools": (TOOL,)})


class Feature(NamedTuple):
    """
    A feature of a request.

    Attributes:
        fields: The parameters that it sets.
        messages: The conversation; a greeting by default.
        needs: The capabilities that it requires.
    """

    fields: Mapping[str, Any] = MappingProxyType({})
    messages: tuple[Message, ...] = ()
    needs: tuple[Capability, ...] = ()


FEATURES: Final[Mapping[str, Feature]] = {
    **{name: Feature({name: value}) for name, value in EXACT.items()},
    **{name: Feature({name: VENDOR_SPECIFIC[name]}) for name in ("reasoning_effort", "reasoning_budget")},
    "parallel_tool_calls": Feature({**_TOOLS, "parallel_tool_calls": False}, needs=(Capability.TOOLS,)),
    "tools": Feature(_TOOLS, needs=(Capability.TOOLS,)),
    "tool_choice": Feature({**_TOOLS, "tool_choice": NamedTool(name=TOOL.name)}, needs=(Capability.TOOLS,)),
    "output_schema": Feature({"output_schema": SCHEMA}, needs=(Capability.JSON_SCHEMA,)),
    "extra": Feature({"extra": {"x_conformance": {"deep": [1, "two", None]}}}),
    "images": Feature(messages=(_IMAGE,), needs=(Capability.IMAGE_INPUT,)),
    "conversation": Feature(_TOOLS, messages=_TOOL_TURNS, needs=(Capability.TOOLS,)),
    "system": Feature(messages=(Message.system("Be brief, please."), Message.user("Hello."))),
}
"""The features of a request, one at a time."""


class ConsistencyTests(ProviderUnderTest):
    """Encoding is the same with and without streaming, and does not modify the request."""

    @pytest.mark.parametrize("name", FEATURES)
    def test_streamed_request_has_the_same_content(self, bench: Bench, name: str) -> None:
        """A feature adds the same content, headers and adaptations with and without streaming."""
        feature = FEATURES[name]
        bench.claims(Capability.CHAT, Capability.STREAM, *feature.needs)

        assert _content_added_by(bench, feature, stream=True) == _content_added_by(bench, feature, stream=False)

    def test_encode_does_not_modify_the_request(self, bench: Bench) -> None:
        """`encode` does not modify the request or objects inside it, and gives the same result twice."""
        bench.claims(Capability.CHAT)
        request = full_request(bench)
        before = copy.deepcopy(request)
        for stream in (False, True):
            first = bench.provider.encode(request, stream=stream)

            assert request == before, "encode() modified the request: copy what you change"
            assert bench.provider.encode(request, stream=stream) == first

    def test_adaptations_do_not_accumulate(self, bench: Bench) -> None:
        """The adaptations of one request do not appear in the next."""
        bench.claims(Capability.CHAT)
        first = bench.provider.encode(full_request(bench), stream=False).adaptations
        again = bench.provider.encode(full_request(bench), stream=False).adaptations

        assert again == first
        assert bench.provider.encode(bench.request(), stream=False).adaptations == ()


def full_request(bench: Bench) -> ChatRequest:
    """Create a request that uses every capability of the provider."""
    fields: dict[str, Any] = {**EXACT, "reasoning_effort": "high", "extra": {"x_conformance": {"deep": [1]}}}
    messages: tuple[Message, ...] = (Message.system("Be brief."), Message.user("Hello."))
    capabilities = bench.provider.capabilities
    if Capability.TOOLS in capabilities:
        fields["tools"] = (_tool_with_options(),)
        fields["vendor_tools"] = (VendorTool(provider=bench.instance.name, data={"type": "x_conformance"}),)
        messages = (messages[0], *_TOOL_TURNS)
    if Capability.JSON_SCHEMA in capabilities:
        fields["output_schema"] = copy.deepcopy(SCHEMA)
    if Capability.IMAGE_INPUT in capabilities:
        messages = (*messages, _IMAGE)
    return bench.request(*messages, **fields)


def _tool_with_options() -> ToolDefinition:
    return copy.deepcopy(TOOL).model_copy(update={"strict": True, "extra": {"x_conformance": {"deep": [1]}}})


def _content_added_by(bench: Bench, feature: Feature, *, stream: bool) -> tuple[object, ...]:
    call: HTTPCall = bench.provider.encode(bench.request(*feature.messages, **feature.fields), stream=stream)
    plain: HTTPCall = bench.provider.encode(bench.request(), stream=stream)
    headers = sorted(set(call.headers.items()) - set(plain.headers.items()))
    return added(call, plain), added(plain, call), headers, call.adaptations
