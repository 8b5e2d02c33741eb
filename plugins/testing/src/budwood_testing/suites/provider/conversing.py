"""Conversations of several turns: what of a reply is sent back, and in which order."""

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
from budwood_testing.suites.provider.comparing import called
from budwood_testing.suites.provider.features import CALLS, PIXEL
from budwood_testing.suites.provider.sent import holds_bytes, holds_text, parts_around, texts_in
from budwood_testing.suites.provider.tested import ProviderUnderTest
from budwood_testing.suites.provider.values import adapted_in
from budwood_testing.suites.provider.writing import TOOL

_MARKER: Final = "marker-that-goes-back"
_ELSEWHERE: Final = "marker-of-another-vendor"
_IDS: Final = ("call_conformance_0123456789abcdef_first", "call_conformance_0123456789abcdef_second")
"""Ids that are alike at their beginning and are no longer than those of any vendor."""
_CITIES: Final = ("Oslo", "Quito")
_ANSWERS: Final = ("Sunny there.", "Rain there.")


class Conversing(ProviderUnderTest):
    """Each turn is sent with what belongs to it."""

    def test_results_belong_to_their_calls(self, bench: Bench) -> None:
        """Each result has the id of its own call; where the vendor has no ids, results are in the order of calls."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        call = _encode_round(bench)
        around = parts_around(call, (*_CITIES, *_ANSWERS))

        for city, answer, other_city, other_answer in zip(
            _CITIES, _ANSWERS, _CITIES[::-1], _ANSWERS[::-1], strict=True
        ):
            shared = around[city] & around[answer] - around[other_city] - around[other_answer]
            assert shared or not bench.examples.has_call_ids, f"nothing connects {answer!r} to the call of {city}"
        assert [text for sent in texts_in(call) for text in _ANSWERS if text in sent] == list(_ANSWERS)

    def test_results_in_another_order_belong_to_their_calls(self, bench: Bench) -> None:
        """Tools may end in any order: the ids tell, not the order."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        if not bench.examples.has_call_ids:
            pytest.skip("the vendor gives calls no ids")
        around = parts_around(_encode_round(bench, backwards=True), (*_CITIES, *_ANSWERS))

        assert all(
            around[city] & around[answer] - around[other]
            for city, answer, other in zip(_CITIES, _ANSWERS, _CITIES[::-1], strict=True)
        )

    def test_text_beside_calls_is_kept(self, bench: Bench) -> None:
        """What the model said before it called tools is part of the conversation, before the calls' results."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        sent = texts_in(_encode_round(bench))
        places = [_first(sent, text) for text in ("Let me look.", *_ANSWERS)]

        assert places == sorted(places)

    def test_developer_message_is_kept(self, bench: Bench) -> None:
        """Also beside a system message, and in this order."""
        bench.claims(Capability.CHAT)
        developer = Message(role="developer", parts=(TextPart(text="Be exact, please."),))
        call = bench.provider.encode(
            bench.request(Message.system("Be brief, please."), developer, Message.user("Hello.")), stream=False
        )
        sent = texts_in(call)

        assert _first(sent, "Be brief, please.") < _first(sent, "Be exact, please.")

    def test_order_of_images_and_text_is_kept(self, bench: Bench) -> None:
        """An image between two texts stays there, or an adaptation says that the vendor has no such order."""
        bench.claims(Capability.CHAT, Capability.IMAGE_INPUT)
        image = ImagePart(data=PIXEL, media_type="image/png")
        asked = Message.user("Before it.", image, TextPart(text="After it."))
        call = bench.provider.encode(bench.request(asked), stream=False)

        assert _is_in_order(call) or "messages" in adapted_in(call)

    def test_reasoning_of_another_vendor_stays_here(self, bench: Bench) -> None:
        """What another vendor's model thought is not sent, signed or not."""
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

    def test_own_content_goes_back(self, bench: Bench) -> None:
        """Content that only this vendor knows is kept, whole and streamed, and sent back with the next request."""
        bench.claims(Capability.CHAT)
        _check_return(
            bench,
            bench.optional_body(bench.examples.own_content(_MARKER), "own_content"),
            _frames_of(bench, bench.examples.own_content_stream(_MARKER), "own_content_stream"),
        )

    def test_signed_reasoning_goes_back(self, bench: Bench) -> None:
        """What the vendor wants back with reasoning is kept, whole and streamed."""
        bench.claims(Capability.CHAT, Capability.REASONING)
        _check_return(
            bench,
            bench.optional_body(bench.examples.signed_reasoning(_MARKER), "signed_reasoning"),
            _frames_of(bench, bench.examples.signed_reasoning_stream(_MARKER), "signed_reasoning_stream"),
        )

    def test_signed_calls_go_back(self, bench: Bench) -> None:
        """What the vendor wants back with a call is kept, whole and streamed."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        _check_return(
            bench,
            bench.optional_body(bench.examples.signed_calls(CALLS, _MARKER), "signed_calls"),
            _frames_of(bench, bench.examples.signed_calls_stream(CALLS, _MARKER), "signed_calls_stream"),
        )

    def test_read_calls_go_back_with_their_results(self, bench: Bench) -> None:
        """The calls of a reply and the results that name them belong together in the next request."""
        bench.claims(Capability.CHAT, Capability.TOOLS)
        body = bench.body(bench.examples.tool_calls(CALLS), "tool_calls", Capability.TOOLS)
        message = bench.decode(body).message
        results = [
            ToolResultPart(call_id=call.id, name=call.name, content=answer)
            for call, answer in zip(message.tool_calls, _ANSWERS, strict=True)
        ]
        turns = (Message.user("Hi."), message, Message.tool(*results))
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)

        assert [called(made) for made in message.tool_calls] == [called(made) for made in CALLS]
        around = parts_around(call, (*_CITIES, *_ANSWERS))
        assert not bench.examples.has_call_ids or all(
            around[city] & around[answer] - around[other]
            for city, answer, other in zip(_CITIES, _ANSWERS, _CITIES[::-1], strict=True)
        )


def _encode_round(bench: Bench, *, backwards: bool = False) -> HTTPCall:
    """Encode a conversation in which two calls of one tool were answered."""
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
        Message.tool(*(reversed(results) if backwards else results)),
    )
    call: HTTPCall = bench.provider.encode(bench.request(*turns, tools=(TOOL,)), stream=False)
    return call


def _first(texts: list[str], wanted: str) -> int:
    """Return the place of the first text that holds another."""
    found = [place for place, text in enumerate(texts) if wanted in text]
    assert found, f"{wanted!r} is not sent"
    return found[0]


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
    """See that the marker in a reply, whole or streamed, is in the next request, with what the model said."""
    messages = [bench.decode(body).message]
    if frames:
        messages.append(bench.read(frames).response.message)
    for message in messages:
        results = [ToolResultPart(call_id=call.id, name=call.name, content="Sunny.") for call in message.tool_calls]
        answer = Message.tool(*results) if results else Message.user("Two.")
        turns = (Message.user("One."), message, answer)
        call = bench.provider.encode(bench.request(*turns, tools=(TOOL,) if results else ()), stream=False)

        assert holds_text(call, _MARKER), "what the vendor wants back is not sent"
        assert holds_text(call, message.text)
