"""What a provider writes of a request."""

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
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, texts
from budwood_testing.suites.provider.bench import Bench, scripted
from budwood_testing.suites.provider.sent import everything_in, holds_text, holds_value, texts_in
from budwood_testing.suites.provider.tested import ProviderUnderTest

EXACT: Final[dict[str, Any]] = {
    "temperature": 0.37,
    "top_p": 0.83,
    "max_tokens": 6171,
    "stop": ("HALT-7",),
    "seed": 90210,
    "frequency_penalty": 0.19,
    "presence_penalty": 0.23,
}
"""Parameters whose values are sent as they are, or not at all."""

TOLD: Final[dict[str, Any]] = {"reasoning_effort": "high", "reasoning_budget": 2063, "parallel_tool_calls": False}
"""Parameters that vendors express in ways of their own."""

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


class Writing(ProviderUnderTest):
    """A request is written completely, always alike, and without I/O."""

    def test_call_can_be_sent(self, bench: Bench) -> None:
        """There is a method, an address with its scheme, and a content type where there is a body."""
        bench.claims(Capability.CHAT)
        call = bench.provider.encode(bench.request(), stream=False)

        assert isinstance(call, HTTPCall)
        assert call.method == call.method.upper()
        assert call.url.startswith(("https://", "http://"))
        assert isinstance(call.body, bytes | tuple)
        assert not call.body or "content-type" in {name.lower() for name in call.headers}

    def test_writing_does_no_io(self, bench: Bench) -> None:
        """Neither network nor files are touched."""
        bench.claims(Capability.CHAT)
        bench.instance.context.rules(bench.model)  # the catalog reads its own file, once

        with forbidden():
            bench.provider.encode(bench.request(), stream=False)
            bench.provider.encode(bench.request(), stream=True)

    def test_same_request_is_written_alike(self, bench: Bench, build: Build) -> None:
        """Another request in between changes nothing, and neither does another instance: cache keys depend on it."""
        bench.claims(Capability.CHAT)
        first = bench.provider.encode(bench.request(temperature=0.5), stream=False)
        bench.provider.encode(bench.request(Message.user("Something else.")), stream=False)

        assert bench.provider.encode(bench.request(temperature=0.5), stream=False) == first
        assert build().thing.encode(bench.request(temperature=0.5), stream=False) == first

    def test_conversation_is_sent_in_its_order(self, bench: Bench) -> None:
        """The system's words and every turn are there."""
        bench.claims(Capability.CHAT)
        said = ["First question.", "First answer.", "Second question."]
        turns = (Message.user(said[0]), Message.assistant(said[1]), Message.user(said[2]))
        call = bench.provider.encode(bench.request(Message.system("Be brief, please."), *turns), stream=False)

        assert holds_text(call, "Be brief, please.")
        assert [turn for text in texts_in(call) for turn in said if turn in text] == said

    def test_any_text_can_be_asked(self, bench: Bench) -> None:
        """What the user writes arrives as it was written."""
        bench.claims(Capability.CHAT)

        def check(text: str) -> None:
            asked = f"a{text}z"  # some vendors refuse text that is empty, or ends in a space
            assert holds_text(bench.provider.encode(bench.request(Message.user(asked)), stream=False), asked)

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_half_a_character_is_no_crash(self, bench: Bench) -> None:
        """Text that no JSON can hold is sent in some form, or refused with an error of Budwood."""
        bench.claims(Capability.CHAT)
        reply = bench.body(bench.examples.reply("Hello.", None), "reply", Capability.CHAT)

        with bench.client(scripted(reply)) as client:
            try:
                client.ask("a\ud800z")
            except BudwoodError as error:
                check_error(error)

    def test_unknown_model_is_the_vendors_to_judge(self, bench: Bench) -> None:
        """An unknown model is asked under its own name, whatever characters that has."""
        bench.claims(Capability.CHAT)
        request = bench.request().model_copy(update={"model": "acme/brand-new_2099.1:7b"})

        assert holds_text(bench.provider.encode(request, stream=False), "brand-new_2099.1:7b")

    def test_streams_are_asked_for(self, bench: Bench) -> None:
        """The vendor can tell whether a stream is wanted."""
        bench.claims(Capability.CHAT, Capability.STREAM)
        whole = bench.provider.encode(bench.request(), stream=False)
        streamed = bench.provider.encode(bench.request(), stream=True)

        assert everything_in(whole) != everything_in(streamed)

    @pytest.mark.parametrize("name", EXACT)
    def test_parameter_is_sent_or_accounted_for(self, bench: Bench, name: str) -> None:
        """Its value is in the body, or a receipt says what became of it."""
        bench.claims(Capability.CHAT)
        call = bench.provider.encode(bench.request(**{name: EXACT[name]}), stream=False)

        assert holds_value(call, EXACT[name]) or name in _receipts(call), (
            f"{name} is not sent, and no Adaptation(parameter={name!r}, …) says so"
        )

    @pytest.mark.parametrize("name", TOLD)
    def test_parameter_makes_a_difference_or_is_accounted_for(self, bench: Bench, name: str) -> None:
        """Something else is sent than without it, or a receipt says what became of it."""
        bench.claims(Capability.CHAT)
        tools = {"tools": (TOOL,)} if Capability.TOOLS in bench.provider.capabilities else {}
        if name == "parallel_tool_calls" and not tools:
            pytest.skip("without tools it has no meaning")
        call = bench.provider.encode(bench.request(**tools, **{name: TOLD[name]}), stream=False)
        plain = bench.provider.encode(bench.request(**tools), stream=False)

        assert everything_in(call) != everything_in(plain) or name in _receipts(call), (
            f"{name} is not sent, and no Adaptation(parameter={name!r}, …) says so"
        )

    def test_parameters_that_nobody_set_need_no_receipt(self, bench: Bench) -> None:
        """A plain request is sent as it is."""
        bench.claims(Capability.CHAT)

        assert bench.provider.encode(bench.request(), stream=False).adaptations == ()

    def test_vendors_own_parameters_are_sent_as_they_are(self, bench: Bench) -> None:
        """``extra`` goes into the body, name and value."""
        bench.claims(Capability.CHAT)
        own: dict[str, Any] = {"deep": [1, "two", None]}
        call = bench.provider.encode(bench.request(extra={"x_conformance": own}), stream=False)

        assert holds_value(call, "x_conformance")
        assert holds_value(call, own)

    def test_what_is_anothers_stays_here(self, bench: Bench) -> None:
        """Parts, signatures and tools of another vendor are not sent to this one."""
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

    def test_message_of_anothers_content_alone_is_no_crash(self, bench: Bench) -> None:
        """A conversation that began with another vendor can continue here."""
        bench.claims(Capability.CHAT)
        foreign = Message(
            role="assistant", parts=(VendorPart(provider="someone-else", kind="widget", data={"id": _ELSEWHERE}),)
        )
        call = bench.provider.encode(bench.request(Message.user("One."), foreign, Message.user("Two.")), stream=False)

        assert _ELSEWHERE not in everything_in(call)

    def test_call_of_another_vendors_model_loses_its_signature(self, bench: Bench) -> None:
        """The call itself is part of the conversation; what its vendor wanted back is not for this one."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        wanted = ToolCallPart(
            id="call_7", name=TOOL.name, arguments="{}", provider="someone-else", data={"signature": _ELSEWHERE}
        )
        result = ToolResultPart(call_id="call_7", name=TOOL.name, content="Sunny.")
        turns = (Message.user("Hi."), Message(role="assistant", parts=(wanted,)), Message.tool(result))
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)

        assert _ELSEWHERE not in everything_in(call)
        assert holds_text(call, "Sunny.")


def _receipts(call: HTTPCall) -> set[str]:
    return {receipt.parameter for receipt in call.adaptations}
