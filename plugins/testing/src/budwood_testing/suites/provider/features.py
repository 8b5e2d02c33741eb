"""Tests of chat features besides text: tools, schemas, images, reasoning."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from budwood.errors import BudwoodError
from budwood.types import (
    Capability,
    ChatResponse,
    HTTPCall,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    ToolCallPart,
    ToolResultPart,
)
from budwood_testing.examples.wire import Frames, WireBody
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, split_at, splits, texts
from budwood_testing.suites.provider.bench import Bench, script_of
from budwood_testing.suites.provider.comparison import comparable_content, name_and_arguments
from budwood_testing.suites.provider.request_content import everything_in, holds_bytes, holds_text
from budwood_testing.suites.provider.requests import TOOL
from budwood_testing.suites.provider.under_test import ProviderUnderTest

CALLS: Final = (
    ToolCallPart(id="call_a1", name=TOOL.name, arguments='{"conformance_city": "Oslo, \u00d8st"}'),
    ToolCallPart(
        id="call_b2", name=TOOL.name, arguments='{"conformance_city": "Quito, R\u00edo", "deep": {"x": [1, null]}}'
    ),
)
PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0f01f0005000 1ff56c7a2f30000000049454e44ae426082".replace(" ", "")
)
"""A PNG of one pixel."""
SCHEMA: Final = OutputSchema(
    json_schema={
        "type": "object",
        "properties": {"conformance_name": {"type": "string"}},
        "required": ["conformance_name"],
        "additionalProperties": False,
    }
)


class FeatureTests(ProviderUnderTest):
    """The capabilities of chat work from the request to the response."""

    def test_tool_definition_is_sent(self, bench: Bench) -> None:
        """The name, description and parameters of a tool are sent."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        call = bench.provider.encode(bench.request(tools=(TOOL,)), stream=False)

        assert all(holds_text(call, text) for text in (TOOL.name, TOOL.description, "conformance_city"))

    @pytest.mark.parametrize("choice", ["none", "required", NamedTool(name=TOOL.name)], ids=str)
    def test_tool_choice_is_sent_or_reported(self, bench: Bench, choice: str | NamedTool) -> None:
        """A tool choice changes the request, or an adaptation reports it."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        plain = bench.provider.encode(bench.request(tools=(TOOL,)), stream=False)
        call = bench.provider.encode(bench.request(tools=(TOOL,), tool_choice=choice), stream=False)
        adapt_parameters = {adaptation.parameter for adaptation in call.adaptations}

        assert everything_in(call) != everything_in(plain) or "tool_choice" in adapt_parameters

    def test_tool_calls_are_decoded(self, bench: Bench) -> None:
        """All tool calls of a reply are decoded in order, with name, arguments and a unique id."""
        _check_calls(bench, bench.decode(_calls(bench)))

    def test_streamed_tool_calls_are_decoded(self, bench: Bench) -> None:
        """Streamed tool calls equal those of a complete reply, wherever the bytes are split."""
        complete = bench.decode(_calls(bench))
        body = b"".join(_call_frames(bench))
        read = bench.read([body])

        _check_calls(bench, read.response)
        assert comparable_content(read.response) == comparable_content(complete)
        always = [split_at(body, range(1, len(body)))]
        for_all(
            splits(body),
            lambda chunks: _assert_equal(bench.read(chunks).events, read.events),
            always=always,
            examples=15,
        )

    def test_any_tool_arguments_are_decoded(self, bench: Bench) -> None:
        """Arguments of a tool call may contain any text, which is preserved."""
        _calls(bench)

        def check(text: str) -> None:
            tool_call = ToolCallPart(id="call_1", name=TOOL.name, arguments=json.dumps({"text": text}))
            body = bench.body(bench.examples.tool_calls((tool_call,)), "tool_calls", Capability.TOOLS)
            assert [name_and_arguments(one) for one in bench.decode(body).tool_calls] == [(TOOL.name, {"text": text})]

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_tool_results_are_sent(self, bench: Bench) -> None:
        """The next request contains the tool calls and their results, including failed ones."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        results = (
            ToolResultPart(call_id="call_a1", name=TOOL.name, content="Sunny there."),
            ToolResultPart(call_id="call_b2", name=TOOL.name, content="No such town.", is_error=True),
        )
        turns = (Message.user("Hi."), Message(role="assistant", parts=CALLS), Message.tool(*results))
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)

        assert all(holds_text(call, result.text) for result in results)
        assert all(_is_sent(call, tool_call) for tool_call in CALLS)

    def test_tool_loop_completes(self, bench: Bench) -> None:
        """The tool loop of a client runs from the tool call to the answer."""
        first = _calls(bench)
        last = bench.body(bench.examples.reply("It is sunny.", None), "reply", Capability.CHAT)
        script = script_of(first, last)

        def look_up_weather(conformance_city: str, deep: dict[str, Any] | None = None) -> str:
            return f"Sunny in {conformance_city}{len(deep or ())}."

        with bench.client(script) as client:
            response = client.ask("How is the weather?", tools=[look_up_weather])

        assert response.text == "It is sunny."
        assert holds_text(script.calls[1], "Sunny in Oslo, \u00d8st0.")
        assert holds_text(script.calls[1], "Sunny in Quito, R\u00edo1.")

    def test_schema_is_sent(self, bench: Bench) -> None:
        """The output schema is part of the request."""
        bench.claims(Capability.CHAT, Capability.JSON_SCHEMA)

        assert holds_text(bench.provider.encode(bench.request(output_schema=SCHEMA), stream=False), "conformance_name")

    def test_structured_output_is_parsed(self, bench: Bench) -> None:
        """The client parses the reply according to the schema."""
        bench.claims(Capability.CHAT, Capability.JSON_SCHEMA)
        reply = bench.examples.reply('{"conformance_name": "Ada"}', None)

        response = bench.ask(bench.body(reply, "reply", Capability.CHAT), schema=SCHEMA.json_schema)

        assert response.parsed == {"conformance_name": "Ada"}

    def test_image_is_sent(self, bench: Bench) -> None:
        """The bytes of an image are sent together with the text."""
        bench.claims(Capability.CHAT, Capability.IMAGE_INPUT)
        asked = Message.user("What is this?", ImagePart(data=PIXEL, media_type="image/png"))
        call = bench.provider.encode(bench.request(asked), stream=False)

        assert holds_bytes(call, PIXEL)
        assert holds_text(call, "What is this?")

    def test_image_url_is_sent_or_rejected(self, bench: Bench) -> None:
        """The URL of an image is sent, or rejected with an error; it is never dropped silently."""
        bench.claims(Capability.CHAT, Capability.IMAGE_INPUT)
        asked = Message.user("What is this?", ImagePart(url="https://example.com/cat.png", media_type="image/png"))
        try:
            call = bench.provider.encode(bench.request(asked), stream=False)
        except BudwoodError as error:
            check_error(error)
        else:
            assert holds_text(call, "https://example.com/cat.png")

    def test_reasoning_is_separate_from_the_text(self, bench: Bench) -> None:
        """Reasoning is in `reasoning`, not in `text`."""
        response = bench.decode(_reasoning_body(bench))

        assert (response.reasoning, response.text) == ("Let me see.", "Forty-two.")

    def test_streamed_reasoning_is_separate_from_the_text(self, bench: Bench) -> None:
        """A stream with reasoning gives the same response as a complete reply."""
        bench.claims(Capability.STREAM)
        complete = bench.decode(_reasoning_body(bench))
        frames = bench.examples.reasoning_stream("Let me see.", "Forty-two.")
        read = bench.read(bench.required(frames, "reasoning_stream", Capability.REASONING))

        assert comparable_content(read.response) == comparable_content(complete)

    def test_reply_with_reasoning_can_be_sent_back(self, bench: Bench) -> None:
        """A reply with reasoning can be part of the next request."""
        response = bench.decode(_reasoning_body(bench))
        turns = (Message.user("One."), response.message, Message.user("Two."))

        assert holds_text(bench.provider.encode(bench.request(*turns), stream=False), "Forty-two.")


def _calls(bench: Bench) -> WireBody:
    bench.claims(Capability.CHAT, Capability.TOOLS)
    return bench.body(bench.examples.tool_calls(CALLS), "tool_calls", Capability.TOOLS)


def _call_frames(bench: Bench) -> Frames:
    bench.claims(Capability.STREAM)
    return bench.required(bench.examples.tool_call_stream(CALLS), "tool_call_stream", Capability.TOOLS)


def _reasoning_body(bench: Bench) -> WireBody:
    bench.claims(Capability.CHAT, Capability.REASONING)
    return bench.body(bench.examples.reasoning("Let me see.", "Forty-two."), "reasoning", Capability.REASONING)


def _check_calls(bench: Bench, response: ChatResponse) -> None:
    ids = [call.id for call in response.tool_calls]

    assert [name_and_arguments(call) for call in response.tool_calls] == [name_and_arguments(call) for call in CALLS]
    assert response.finish_reason == "tool_calls"
    assert all(ids)
    assert len(set(ids)) == len(ids), "two tool calls have the same id: make ids unique"
    if bench.examples.has_call_ids:
        assert ids == [call.id for call in CALLS]


def _is_sent(call: HTTPCall, tool_call: ToolCallPart) -> bool:
    """Return whether a tool call is part of a request, by the ASCII start of an argument."""
    return holds_text(call, str(tool_call.parse_arguments()["conformance_city"]).partition(",")[0])


def _assert_equal(actual: object, expected: object) -> None:
    assert actual == expected
