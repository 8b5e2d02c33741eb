"""Tests of conversations with several turns: what is sent back, and in which order."""

from __future__ import annotations

from typing import Final

import pytest

from budwood.types import (
    JSON,
    Capability,
    HTTPCall,
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from budwood_testing.examples.wire import Frames, WireBody
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.comparison import name_and_arguments
from budwood_testing.suites.provider.features import CALLS, PIXEL
from budwood_testing.suites.provider.request_content import holds_bytes, holds_text, parts_around, texts_in
from budwood_testing.suites.provider.requests import TOOL
from budwood_testing.suites.provider.under_test import ProviderUnderTest
from budwood_testing.suites.provider.values import adapted_in

_MARKER: Final = "marker-to-send-back"
_ELSEWHERE: Final = "marker-of-another-vendor"
_IDS: Final = ("call_conformance_0123456789abcdef_first", "call_conformance_0123456789abcdef_second")
"""Ids with a common prefix, no longer than vendors allow."""
_CITIES: Final = ("Oslo", "Quito")
_ANSWERS: Final = ("Sunny there.", "Rain there.")


class ConversationTests(ProviderUnderTest):
    """Each turn is sent with its content, in order."""

    def test_tool_results_match_their_calls(self, bench: Bench) -> None:
        """A tool result has the id of its call; if the vendor has no ids, results are in the order of the calls."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        call = _encode_tool_turns(bench)
        around = parts_around(call, (*_CITIES, *_ANSWERS))

        for city, answer, other_city, other_answer in zip(
            _CITIES, _ANSWERS, _CITIES[::-1], _ANSWERS[::-1], strict=True
        ):
            shared = around[city] & around[answer] - around[other_city] - around[other_answer]
            assert shared or not bench.examples.has_call_ids, (
                f"the result {answer!r} is not linked to the call for {city}: send the id of the call with it"
            )
        assert [text for sent in texts_in(call) for text in _ANSWERS if text in sent] == list(_ANSWERS)

    def test_tool_results_in_another_order_match_their_calls(self, bench: Bench) -> None:
        """Tool results may be in another order than the calls; ids link them."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        if not bench.examples.has_call_ids:
            pytest.skip("the vendor has no ids of tool calls")
        around = parts_around(_encode_tool_turns(bench, reverse_results=True), (*_CITIES, *_ANSWERS))

        assert all(
            around[city] & around[answer] - around[other]
            for city, answer, other in zip(_CITIES, _ANSWERS, _CITIES[::-1], strict=True)
        )

    def test_text_before_tool_calls_is_sent(self, bench: Bench) -> None:
        """Text before tool calls in an assistant message is sent, before the results of the calls."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        sent = texts_in(_encode_tool_turns(bench))
        places = [_first(sent, text) for text in ("Let me look.", *_ANSWERS)]

        assert places == sorted(places)

    def test_developer_message_is_sent(self, bench: Bench) -> None:
        """A developer message after a system message is sent, in this order."""
        bench.claims(Capability.CHAT)
        developer = Message(role="developer", parts=(TextPart(text="Be exact, please."),))
        call = bench.provider.encode(
            bench.request(Message.system("Be brief, please."), developer, Message.user("Hello.")), stream=False
        )
        sent = texts_in(call)

        assert _first(sent, "Be brief, please.") < _first(sent, "Be exact, please.")

    def test_order_of_images_and_text_is_preserved(self, bench: Bench) -> None:
        """An image between two texts is sent between them, or an adaptation of ``messages`` reports the change."""
        bench.claims(Capability.CHAT, Capability.IMAGE_INPUT)
        image = ImagePart(data=PIXEL, media_type="image/png")
        asked = Message.user("Before it.", image, TextPart(text="After it."))
        call = bench.provider.encode(bench.request(asked), stream=False)

        assert _is_in_order(call) or "messages" in adapted_in(call)

    def test_reasoning_of_another_vendor_is_not_sent(self, bench: Bench) -> None:
        """Reasoning of another vendor's model is not sent, with or without a signature."""
        bench.claims(Capability.CHAT)
        data: JSON = {"type": "thinking", "signature": _ELSEWHERE}
        answer = Message(
            role="assistant",
            parts=(
                ReasoningPart(text=_ELSEWHERE, provider="someone-else"),
                ReasoningPart(text=_ELSEWHERE, provider="someone-else", data=data),
                TextPart(text="An answer."),
            ),
        )
        turns = (Message.user("One."), answer, Message.user("Two."))
        call = bench.provider.encode(bench.request(*turns), stream=False)

        assert not holds_text(call, _ELSEWHERE)
        assert holds_text(call, "An answer.")

    def test_vendor_content_is_sent_back(self, bench: Bench) -> None:
        """Vendor-specific content of a reply or stream is preserved, and sent back with the next request."""
        bench.claims(Capability.CHAT)
        _check_return(
            bench,
            bench.optional_body(bench.examples.vendor_content(_MARKER), "vendor_content"),
            _frames_of(bench, bench.examples.vendor_content_stream(_MARKER), "vendor_content_stream"),
        )

    def test_signed_reasoning_is_sent_back(self, bench: Bench) -> None:
        """The signature of reasoning is preserved, with and without streaming, and sent back."""
        bench.claims(Capability.CHAT, Capability.REASONING)
        _check_return(
            bench,
            bench.optional_body(bench.examples.signed_reasoning(_MARKER), "signed_reasoning"),
            _frames_of(bench, bench.examples.signed_reasoning_stream(_MARKER), "signed_reasoning_stream"),
        )

    def test_signed_tool_calls_are_sent_back(self, bench: Bench) -> None:
        """The signature of a tool call is preserved, with and without streaming, and sent back."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        _check_return(
            bench,
            bench.optional_body(bench.examples.signed_tool_calls(CALLS, _MARKER), "signed_tool_calls"),
            _frames_of(bench, bench.examples.signed_tool_calls_stream(CALLS, _MARKER), "signed_tool_calls_stream"),
        )

    def test_received_tool_calls_are_sent_back_with_results(self, bench: Bench) -> None:
        """The tool calls of a reply are sent back together with the results that refer to them."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        body = bench.body(bench.examples.tool_calls(CALLS), "tool_calls", Capability.TOOLS)
        message = bench.decode(body).message
        results = [
            ToolResultPart(call_id=call.id, name=call.name, content=answer)
            for call, answer in zip(message.tool_calls, _ANSWERS, strict=True)
        ]
        turns = (Message.user("Hi."), message, Message.tool(*results))
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)

        assert [name_and_arguments(tool_call) for tool_call in message.tool_calls] == [
            name_and_arguments(tool_call) for tool_call in CALLS
        ]
        around = parts_around(call, (*_CITIES, *_ANSWERS))
        assert not bench.examples.has_call_ids or all(
            around[city] & around[answer] - around[other]
            for city, answer, other in zip(_CITIES, _ANSWERS, _CITIES[::-1], strict=True)
        )


def _encode_tool_turns(bench: Bench, *, reverse_results: bool = False) -> HTTPCall:
    """Encode a conversation with two calls of one tool and their results."""
    calls = tuple(
        ToolCallPart(id=call_id, name=TOOL.name, arguments=f'{{"conformance_city": "{city}"}}')
        for call_id, city in zip(_IDS, _CITIES, strict=True)
    )
    results = [
        ToolResultPart(call_id=call_id, name=TOOL.name, content=answer)
        for call_id, answer in zip(_IDS, _ANSWERS, strict=True)
    ]
    turns = (
        Message.user("Hi."),
        Message(role="assistant", parts=(TextPart(text="Let me look."), *calls)),
        Message.tool(*(reversed(results) if reverse_results else results)),
    )
    call: HTTPCall = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)
    return call


def _first(texts: list[str], expected: str) -> int:
    """Return the index of the first text that contains another one."""
    indexes = [index for index, text in enumerate(texts) if expected in text]
    assert indexes, f"{expected!r} is not sent: encode() must include it"
    return indexes[0]


def _is_in_order(call: HTTPCall) -> bool:
    assert holds_bytes(call, PIXEL)
    sent = texts_in(call)
    images = [place for place, text in enumerate(sent) if len(text) >= len(PIXEL)]
    return _first(sent, "Before it.") < images[0] < _first(sent, "After it.")


def _frames_of(bench: Bench, frames: Frames | None, name: str) -> Frames:
    if Capability.STREAM not in bench.provider.capabilities:
        return ()
    return bench.optional(frames, name)


def _check_return(bench: Bench, body: WireBody, frames: Frames) -> None:
    """Check that the next request contains the marker and the text of a reply, with and without streaming."""
    messages = [bench.decode(body).message]
    if frames:
        messages.append(bench.read(frames).response.message)
    for message in messages:
        results = [ToolResultPart(call_id=call.id, name=call.name, content="Sunny.") for call in message.tool_calls]
        answer = Message.tool(*results) if results else Message.user("Two.")
        turns = (Message.user("One."), message, answer)
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,) if results else ()), stream=False)

        assert holds_text(call, _MARKER), (
            "the next request lacks data that the vendor requires back: keep it in the part's `data`, and encode it"
        )
        assert holds_text(call, message.text)
