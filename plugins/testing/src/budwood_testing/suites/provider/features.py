"""What a provider can do in a chat besides text: tools, schemas, images, reasoning."""

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
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, cut, for_all, splits, texts
from budwood_testing.suites.provider.bench import Bench, scripted
from budwood_testing.suites.provider.comparing import called, essence
from budwood_testing.suites.provider.sent import everything_in, holds_bytes, holds_text
from budwood_testing.suites.provider.tested import ProviderUnderTest
from budwood_testing.suites.provider.writing import TOOL

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


class Features(ProviderUnderTest):
    """What is claimed works, all the way."""

    def test_tools_are_described_to_the_model(self, bench: Bench) -> None:
        """Name, description and parameters are sent."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        call = bench.provider.encode(bench.request(tools=(TOOL,)), stream=False)

        assert all(holds_text(call, said) for said in (TOOL.name, TOOL.description, "conformance_city"))

    @pytest.mark.parametrize("choice", ["none", "required", NamedTool(name=TOOL.name)], ids=str)
    def test_choice_of_tools_makes_a_difference(self, bench: Bench, choice: str | NamedTool) -> None:
        """It is sent, or a receipt says what became of it."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        plain = bench.provider.encode(bench.request(tools=(TOOL,)), stream=False)
        call = bench.provider.encode(bench.request(tools=(TOOL,), tool_choice=choice), stream=False)
        receipts = {receipt.parameter for receipt in call.adaptations}

        assert everything_in(call) != everything_in(plain) or "tool_choice" in receipts

    def test_calls_of_tools_are_read(self, bench: Bench) -> None:
        """All of them, in their order, each with its name, its arguments and an id of its own."""
        _check_calls(bench, bench.decode(_calls(bench)))

    def test_streamed_calls_of_tools_are_read(self, bench: Bench) -> None:
        """They agree with those of a whole reply, however the bytes are cut."""
        whole = bench.decode(_calls(bench))
        body = b"".join(_call_frames(bench))
        read = bench.read([body])

        _check_calls(bench, read.response)
        assert essence(read.response) == essence(whole)
        always = [cut(body, range(1, len(body)))]
        for_all(splits(body), lambda chunks: _equal(bench.read(chunks).events, read.events), always=always, examples=15)

    def test_any_arguments_of_a_call_are_read(self, bench: Bench) -> None:
        """What the model wrote arrives as it was written."""
        _calls(bench)

        def check(text: str) -> None:
            made = ToolCallPart(id="call_1", name=TOOL.name, arguments=json.dumps({"text": text}))
            body = bench.body(bench.examples.tool_calls((made,)), "tool_calls", Capability.TOOLS)
            assert [called(one) for one in bench.decode(body).tool_calls] == [(TOOL.name, {"text": text})]

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_results_of_tools_are_sent_back(self, bench: Bench) -> None:
        """The next request holds the call and what the tool answered, also where it failed."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        results = (
            ToolResultPart(call_id="call_a1", name=TOOL.name, content="Sunny there."),
            ToolResultPart(call_id="call_b2", name=TOOL.name, content="No such town.", is_error=True),
        )
        turns = (Message.user("Hi."), Message(role="assistant", parts=CALLS), Message.tool(*results))
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)

        assert all(holds_text(call, result.text) for result in results)
        assert all(_is_repeated(call, made) for made in CALLS)

    def test_tool_is_run_and_the_model_goes_on(self, bench: Bench) -> None:
        """A client's own loop works, from the call to the answer."""
        first = _calls(bench)
        last = bench.body(bench.examples.reply("It is sunny.", None), "reply", Capability.CHAT)
        script = scripted(first, last)

        def look_up_weather(conformance_city: str, deep: dict[str, Any] | None = None) -> str:
            return f"Sunny in {conformance_city}{len(deep or ())}."

        with bench.client(script) as client:
            response = client.ask("How is the weather?", tools=[look_up_weather])

        assert response.text == "It is sunny."
        assert holds_text(script.calls[1], "Sunny in Oslo, \u00d8st0.")
        assert holds_text(script.calls[1], "Sunny in Quito, R\u00edo1.")

    def test_schema_is_sent(self, bench: Bench) -> None:
        """The model's output is bound by what the caller asks for."""
        bench.claims(Capability.CHAT, Capability.JSON_SCHEMA)

        assert holds_text(bench.provider.encode(bench.request(output_schema=SCHEMA), stream=False), "conformance_name")

    def test_structured_output_comes_back(self, bench: Bench) -> None:
        """A client's reply is the value that satisfies the schema."""
        bench.claims(Capability.CHAT, Capability.JSON_SCHEMA)
        reply = bench.examples.reply('{"conformance_name": "Ada"}', None)

        response = bench.ask(bench.body(reply, "reply", Capability.CHAT), schema=SCHEMA.json_schema)

        assert response.parsed == {"conformance_name": "Ada"}

    def test_image_is_sent(self, bench: Bench) -> None:
        """Its bytes are in the body, beside the words."""
        bench.claims(Capability.CHAT, Capability.IMAGE_INPUT)
        asked = Message.user("What is this?", ImagePart(data=PIXEL, media_type="image/png"))
        call = bench.provider.encode(bench.request(asked), stream=False)

        assert holds_bytes(call, PIXEL)
        assert holds_text(call, "What is this?")

    def test_address_of_an_image_is_sent_or_refused(self, bench: Bench) -> None:
        """A vendor that fetches no images is not sent a prompt without one."""
        bench.claims(Capability.CHAT, Capability.IMAGE_INPUT)
        asked = Message.user("What is this?", ImagePart(url="https://example.com/cat.png", media_type="image/png"))
        try:
            call = bench.provider.encode(bench.request(asked), stream=False)
        except BudwoodError as error:
            check_error(error)
        else:
            assert holds_text(call, "https://example.com/cat.png")

    def test_reasoning_is_told_from_the_answer(self, bench: Bench) -> None:
        """What the model thought is beside the text, not in it."""
        response = bench.decode(_thought(bench))

        assert (response.reasoning, response.text) == ("Let me see.", "Forty-two.")

    def test_streamed_reasoning_is_told_from_the_answer(self, bench: Bench) -> None:
        """A stream agrees with the whole reply."""
        bench.claims(Capability.STREAM)
        whole = bench.decode(_thought(bench))
        frames = bench.examples.reasoning_stream("Let me see.", "Forty-two.")
        read = bench.read(bench.frames(frames, "reasoning_stream", Capability.REASONING))

        assert essence(read.response) == essence(whole)

    def test_conversation_with_thoughts_goes_on(self, bench: Bench) -> None:
        """A model's reply can be sent back as it came."""
        response = bench.decode(_thought(bench))
        turns = (Message.user("One."), response.message, Message.user("Two."))

        assert holds_text(bench.provider.encode(bench.request(*turns), stream=False), "Forty-two.")


def _calls(bench: Bench) -> WireBody:
    bench.claims(Capability.CHAT, Capability.TOOLS)
    return bench.body(bench.examples.tool_calls(CALLS), "tool_calls", Capability.TOOLS)


def _call_frames(bench: Bench) -> Frames:
    bench.claims(Capability.STREAM)
    return bench.frames(bench.examples.tool_call_stream(CALLS), "tool_call_stream", Capability.TOOLS)


def _thought(bench: Bench) -> WireBody:
    bench.claims(Capability.CHAT, Capability.REASONING)
    return bench.body(bench.examples.reasoning("Let me see.", "Forty-two."), "reasoning", Capability.REASONING)


def _check_calls(bench: Bench, response: ChatResponse) -> None:
    ids = [call.id for call in response.tool_calls]

    assert [called(call) for call in response.tool_calls] == [called(call) for call in CALLS]
    assert response.finish_reason == "tool_calls"
    assert all(ids)
    assert len(set(ids)) == len(ids), "two calls have one id"
    if bench.examples.has_call_ids:
        assert ids == [call.id for call in CALLS]


def _is_repeated(call: HTTPCall, made: ToolCallPart) -> bool:
    """Whether a call is sent back, by what is asked for; only the beginning of it, which no encoding changes."""
    return holds_text(call, str(made.parse_arguments()["conformance_city"]).partition(",")[0])


def _equal(found: object, wanted: object) -> None:
    assert found == wanted
