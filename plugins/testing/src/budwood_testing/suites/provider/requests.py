"""Tests of encoded requests."""

from __future__ import annotations

from typing import Any, Final

import pytest

from budwood.errors import BudwoodError
from budwood.types import (
    JSON,
    Capability,
    HTTPCall,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, texts
from budwood_testing.suites.provider.bench import Bench, script_of
from budwood_testing.suites.provider.request_content import everything_in, holds_text, holds_value, texts_in
from budwood_testing.suites.provider.under_test import ProviderUnderTest

EXACT: Final[dict[str, Any]] = {
    "temperature": 0.37,
    "top_p": 0.83,
    "max_tokens": 6171,
    "stop": ("HALT-7",),
    "seed": 90210,
    "frequency_penalty": 0.19,
    "presence_penalty": 0.23,
}
"""Parameters whose values are sent unchanged, or not at all."""

VENDOR_SPECIFIC: Final[dict[str, Any]] = {
    "reasoning_effort": "high",
    "reasoning_budget": 2063,
    "parallel_tool_calls": False,
}
"""Parameters that each vendor encodes differently."""

_ELSEWHERE: Final = "marker-of-another-vendor"
TOOL: Final = ToolDefinition(
    name="look_up_weather",
    description="Tells the weather.",
    parameters={
        "type": "object",
        "properties": {"conformance_city": {"type": "string"}},
        "required": ["conformance_city"],
        "additionalProperties": False,
    },
)


class RequestTests(ProviderUnderTest):
    """A request is encoded completely, deterministically and without I/O."""

    def test_encoded_call_is_valid(self, bench: Bench) -> None:
        """An encoded call has an upper-case method, a URL with a scheme, and a content type if it has a body."""
        bench.claims(Capability.CHAT)
        call = bench.provider.encode(bench.request(), stream=False)

        assert isinstance(call, HTTPCall)
        assert call.method == call.method.upper()
        assert call.url.startswith(("https://", "http://"))
        assert isinstance(call.body, bytes | tuple)
        assert not call.body or "content-type" in {name.lower() for name in call.headers}

    def test_encode_does_no_io(self, bench: Bench) -> None:
        """`encode` uses neither the network nor files."""
        bench.claims(Capability.CHAT)
        bench.instance.context.rules(bench.model)  # the catalog reads its own file, once

        with no_io():
            bench.provider.encode(bench.request(), stream=False)
            bench.provider.encode(bench.request(), stream=True)

    def test_encode_is_deterministic(self, bench: Bench, build: Build) -> None:
        """The same request gives the same call, in any order and from another instance: cache keys depend on it."""
        bench.claims(Capability.CHAT)
        first = bench.provider.encode(bench.request(temperature=0.5), stream=False)
        bench.provider.encode(bench.request(Message.user("Something else.")), stream=False)

        assert bench.provider.encode(bench.request(temperature=0.5), stream=False) == first
        assert build().implementation.encode(bench.request(temperature=0.5), stream=False) == first

    def test_conversation_is_sent_in_order(self, bench: Bench) -> None:
        """The system message and all turns are sent in order."""
        bench.claims(Capability.CHAT)
        spoken = ["First question.", "First answer.", "Second question."]
        turns = (Message.user(spoken[0]), Message.assistant(spoken[1]), Message.user(spoken[2]))
        call = bench.provider.encode(bench.request(Message.system("Be brief, please."), *turns), stream=False)

        assert holds_text(call, "Be brief, please.")
        assert [turn for text in texts_in(call) for turn in spoken if turn in text] == spoken

    def test_any_prompt_text_is_preserved(self, bench: Bench) -> None:
        """Any text of a prompt is sent unchanged."""
        bench.claims(Capability.CHAT)

        def check(text: str) -> None:
            prompt = f"a{text}z"  # some vendors reject text that is empty or ends in a space
            assert holds_text(bench.provider.encode(bench.request(Message.user(prompt)), stream=False), prompt)

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_lone_surrogate_is_handled(self, bench: Bench) -> None:
        """A lone surrogate, which UTF-8 cannot encode, is sent in some form or raises a BudwoodError."""
        bench.claims(Capability.CHAT)
        reply = bench.body(bench.examples.reply("Hello.", None), "reply", Capability.CHAT)

        with bench.client(script_of(reply)) as client:
            try:
                client.ask("a\ud800z")
            except BudwoodError as error:
                check_error(error)

    def test_unknown_model_name_is_sent_unchanged(self, bench: Bench) -> None:
        """The name of an unknown model is sent unchanged."""
        bench.claims(Capability.CHAT)
        request = bench.request().model_copy(update={"model": "acme/brand-new_2099.1:7b"})

        assert holds_text(bench.provider.encode(request, stream=False), "brand-new_2099.1:7b")

    def test_streaming_is_requested(self, bench: Bench) -> None:
        """A streaming request differs from one without streaming."""
        bench.claims(Capability.CHAT, Capability.STREAM)
        complete = bench.provider.encode(bench.request(), stream=False)
        streamed = bench.provider.encode(bench.request(), stream=True)

        assert everything_in(complete) != everything_in(streamed)

    @pytest.mark.parametrize("name", EXACT)
    def test_parameter_is_sent_or_reported(self, bench: Bench, name: str) -> None:
        """The value of a parameter is in the body, or an adaptation reports the change."""
        bench.claims(Capability.CHAT)
        call = bench.provider.encode(bench.request(**{name: EXACT[name]}), stream=False)

        assert holds_value(call, EXACT[name]) or name in _adapted_in(call), (
            f"{name} is not sent: send it, or add an Adaptation(parameter={name!r}, …)"
        )

    @pytest.mark.parametrize("name", VENDOR_SPECIFIC)
    def test_parameter_changes_the_request_or_is_reported(self, bench: Bench, name: str) -> None:
        """A parameter changes the request, or an adaptation reports it."""
        bench.claims(Capability.CHAT)
        tools = {"tools": (TOOL,)} if Capability.TOOLS in bench.provider.capabilities else {}
        if name == "parallel_tool_calls" and not tools:
            pytest.skip("parallel_tool_calls requires tools")
        call = bench.provider.encode(bench.request(**tools, **{name: VENDOR_SPECIFIC[name]}), stream=False)
        plain = bench.provider.encode(bench.request(**tools), stream=False)

        assert everything_in(call) != everything_in(plain) or name in _adapted_in(call), (
            f"{name} is not sent: send it, or add an Adaptation(parameter={name!r}, …)"
        )

    def test_plain_request_has_no_adaptations(self, bench: Bench) -> None:
        """A request without parameters has no adaptations."""
        bench.claims(Capability.CHAT)

        assert bench.provider.encode(bench.request(), stream=False).adaptations == ()

    def test_extra_parameters_are_sent_unchanged(self, bench: Bench) -> None:
        """``extra`` is added to the body, unchanged."""
        bench.claims(Capability.CHAT)
        own: dict[str, Any] = {"deep": [1, "two", None]}
        call = bench.provider.encode(bench.request(extra={"x_conformance": own}), stream=False)

        assert holds_value(call, "x_conformance")
        assert holds_value(call, own)

    def test_content_of_another_vendor_is_not_sent(self, bench: Bench) -> None:
        """Parts, signatures and tools of another vendor are not sent."""
        bench.claims(Capability.CHAT)
        data: JSON = {"signature": _ELSEWHERE}
        answer = Message(
            role="assistant",
            parts=(
                ReasoningPart(text="I think.", provider="someone-else", data=data),
                TextPart(text="An answer.", provider="someone-else", data=data),
                VendorPart(provider="someone-else", kind="widget", data=data),
            ),
        )
        tool = VendorTool(provider="someone-else", data={"type": _ELSEWHERE})
        request = bench.request(Message.user("One."), answer, Message.user("Two."), vendor_tools=(tool,))
        call = bench.provider.encode(request, stream=False)

        assert _ELSEWHERE not in everything_in(call)
        assert holds_text(call, "An answer.")

    def test_message_with_only_foreign_content_is_handled(self, bench: Bench) -> None:
        """A message with nothing but another vendor's content is encoded without an error."""
        bench.claims(Capability.CHAT)
        foreign = Message(
            role="assistant", parts=(VendorPart(provider="someone-else", kind="widget", data={"id": _ELSEWHERE}),)
        )
        call = bench.provider.encode(bench.request(Message.user("One."), foreign, Message.user("Two.")), stream=False)

        assert _ELSEWHERE not in everything_in(call)

    def test_signature_of_another_vendors_tool_call_is_not_sent(self, bench: Bench) -> None:
        """A tool call of another vendor's model is sent without its signature."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        foreign_call = ToolCallPart(
            id="call_7", name=TOOL.name, arguments="{}", provider="someone-else", data={"signature": _ELSEWHERE}
        )
        result = ToolResultPart(call_id="call_7", name=TOOL.name, content="Sunny.")
        turns = (Message.user("Hi."), Message(role="assistant", parts=(foreign_call,)), Message.tool(result))
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)

        assert _ELSEWHERE not in everything_in(call)
        assert holds_text(call, "Sunny.")


def _adapted_in(call: HTTPCall) -> set[str]:
    return {adaptation.parameter for adaptation in call.adaptations}
