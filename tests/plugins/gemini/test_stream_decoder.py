from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import BadResponseError, ContentFilterError, ServerError, StreamInterruptedError
from budwood.types import ReasoningPart, ReplyHead, TextPart, ToolCallPart, VendorPart
from budwood_gemini.stream_decoder import GeminiStreamDecoder
from tests.plugins.gemini.replies import USAGE, call, candidate, reply, text

HEAD = ReplyHead(200, {})


def chunk(*parts, **fields):
    """
    Create a chunk that is not the last.
    """
    return {"candidates": [candidate(*parts, finish=None)], "responseId": "r1", "modelVersion": "gemini-9", **fields}


def decode(*fragments):
    """
    Decode bytes in several reads.
    """
    decoder = GeminiStreamDecoder(HEAD)
    events = [event for fragment in fragments for event in decoder.feed(fragment)]
    return [*events, *decoder.close()]


def sent(*chunks):
    """
    Write chunks as the events of a stream.
    """
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks)


def test_text_and_thoughts_are_joined(streamed):
    """
    A thought is closed when a part of another kind follows.
    """
    response = streamed(
        chunk(text("Let ", thought=True)),
        chunk(text("me see.", thought=True)),
        chunk(text("Hel")),
        reply(text("lo")),
    )

    assert response.message.parts == (ReasoningPart(text="Let me see.", provider="gemini"), TextPart(text="Hello"))
    assert (response.id, response.model, response.finish_reason) == ("r1", "gemini-9", "stop")
    assert response.usage.raw == USAGE


def test_a_signed_text_is_not_joined_to_others(streamed):
    """
    A signature belongs to its own part, even an empty one.
    """
    signed = TextPart(text="b", provider="gemini", data={"thoughtSignature": "S"})
    response = streamed(
        chunk(text("a")),
        chunk(text("a")),
        chunk(text("b", thoughtSignature="S")),
        chunk(text("c")),
        reply(text("", thoughtSignature="T")),
    )

    assert response.message.parts == (
        TextPart(text="aa"),
        signed,
        TextPart(text="c"),
        TextPart(text="", provider="gemini", data={"thoughtSignature": "T"}),
    )
    assert response.text == "aabc"


def test_a_signed_thought_is_not_joined_to_others(streamed):
    """
    Each signed thought is separate.
    """
    response = streamed(
        chunk(text("a", thought=True)), chunk(text("b", thought=True, thoughtSignature="S")), reply(text("Hi"))
    )

    assert response.message.parts == (
        ReasoningPart(text="a", provider="gemini"),
        ReasoningPart(text="b", provider="gemini", data={"thoughtSignature": "S"}),
        TextPart(text="Hi"),
    )


def test_calls_in_several_chunks(streamed):
    """
    Each call is complete and separate, and the signature stays with the first.
    """
    response = streamed(
        chunk(text("Hm.", thought=True), call(args={"city": "Oslo"}, signature="S")), reply(call(args={"city": "Rome"}))
    )

    assert response.message.parts == (
        ReasoningPart(text="Hm.", provider="gemini"),
        ToolCallPart(
            id="budwood-r1-0",
            name="weather",
            arguments='{"city":"Oslo"}',
            provider="gemini",
            data={"thoughtSignature": "S"},
        ),
        ToolCallPart(id="budwood-r1-1", name="weather", arguments='{"city":"Rome"}', provider="gemini"),
    )
    assert response.finish_reason == "tool_calls"


def test_partial_arguments(streamed):
    """
    Partial arguments of two consecutive calls are assembled, also if the last one has no end.
    """

    def fragment(path, value, **fields):
        return {"functionCall": {"partialArgs": [{"jsonPath": path, "stringValue": value}], "willContinue": True}}

    begin = {"functionCall": {"name": "cook", "willContinue": True}, "thoughtSignature": "S"}
    response = streamed(
        chunk(begin),
        chunk(fragment("$.dish", "las")),
        chunk(fragment("$.dish", "agne")),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"name": "eat", "willContinue": True}}),
        chunk(fragment("$.with", "fork")),
        reply(text("")),
    )

    first, second = response.tool_calls
    assert (first.name, first.parse_arguments(), first.data) == ("cook", {"dish": "lasagne"}, {"thoughtSignature": "S"})
    assert (second.name, second.parse_arguments()) == ("eat", {"with": "fork"})


def test_vendor_parts_keep_their_place(streamed):
    """
    Code stays between the texts around it; sources follow once, at the end.
    """
    sources = {"webSearchQueries": ["x"]}
    first = {"candidates": [candidate(text("He"), finish=None, groundingMetadata=sources)], "responseId": "r1"}
    last = {"candidates": [candidate(text("Done."), groundingMetadata=sources)]}
    response = streamed(first, chunk(text("re:")), chunk({"executableCode": {"code": "1"}}), last)

    assert response.message.parts == (
        TextPart(text="Here:"),
        VendorPart(provider="gemini", kind="executableCode", data={"executableCode": {"code": "1"}}),
        TextPart(text="Done."),
        VendorPart(provider="gemini", kind="groundingMetadata", data=sources),
    )


def test_the_last_counts_are_the_usage(streamed):
    """
    Later counts replace earlier ones; a chunk with only the traffic type replaces none.
    """
    first = {"promptTokenCount": 9, "toolUsePromptTokenCount": 21, "totalTokenCount": 30}
    last = {"promptTokenCount": 87, "thoughtsTokenCount": 78, "totalTokenCount": 165}
    traffic = {"trafficType": "ON_DEMAND"}

    usage = streamed(
        chunk(text("a"), usageMetadata=first), {"candidates": [candidate(text("b"))], "usageMetadata": last}
    ).usage
    assert (usage.input_tokens, usage.output_tokens, usage.raw) == (87, 78, last)

    usage = streamed(chunk(text("a"), usageMetadata=first), {**reply(text("b")), "usageMetadata": traffic}).usage
    assert (usage.input_tokens, usage.raw) == (30, {**first, **traffic})


def test_candidates_are_alternatives(streamed):
    """
    Chunks of several candidates are separate.
    """
    response = streamed(
        {"candidates": [candidate(text("a"), finish=None), candidate(text("x"), finish=None, index=1)]},
        {"candidates": [candidate(text("b")), candidate(text("y"), index=1)]},
    )
    assert (response.text, [message.text for message in response.alternatives]) == ("ab", ["xy"])


def test_a_blocked_prompt_is_an_error(streamed):
    """
    The first chunk reports it.
    """
    with pytest.raises(ContentFilterError) as caught:
        streamed({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": USAGE})
    assert (caught.value.stage, caught.value.code) == ("prompt", "PROHIBITED_CONTENT")


def test_a_blocked_reply_is_an_error(streamed):
    """
    If the filter stops a stream before its first content; later the finish reason shows it.
    """
    blocked = {"candidates": [{"finishReason": "SAFETY", "safetyRatings": [{"category": "C", "probability": "HIGH"}]}]}
    with pytest.raises(ContentFilterError) as caught:
        streamed(blocked)
    assert (caught.value.stage, caught.value.categories) == ("output", {"C": {"probability": "HIGH"}})

    response = streamed(chunk(text("Once")), blocked)
    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("Once", "content_filter", "SAFETY")


def test_an_error_in_the_stream_follows_earlier_events():
    """
    It is raised with its own status, and events in the same read are returned first.
    """
    failed = {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}
    decoder = GeminiStreamDecoder(HEAD)
    assert len(decoder.feed(sent(chunk(text("Once")), failed))) == 3
    with pytest.raises(Exception, match="Overloaded") as caught:
        decoder.feed(b"")
    assert (caught.value.status, caught.value.retryable) == (503, True)

    with pytest.raises(ServerError):
        decode(sent({"error": {"message": "Oh no"}}))


@pytest.mark.parametrize("body", [b"", sent(chunk(text("Once"))), sent({"usageMetadata": USAGE})])
def test_a_stream_without_finish_reason_was_interrupted(body):
    """
    Without a finish reason the reply is incomplete.
    """
    with pytest.raises(StreamInterruptedError):
        decode(body)


@pytest.mark.parametrize("body", [b"data: [1]\n\n", b"data: {oops\n\n", b"<html></html>", b'{"a":', b"[1]"])
def test_a_reply_that_is_no_stream_is_described(body):
    """
    HTML, truncated JSON and other values raise BadResponseError.
    """
    with pytest.raises(BadResponseError):
        decode(body)


def test_a_list_of_chunks_is_decoded():
    """
    A proxy that drops the query gets a JSON list of chunks, or one reply.
    """
    chunks = [chunk(text("a")), reply(text("b"))]
    expected = decode(sent(*chunks))

    assert decode(b" ", json.dumps(chunks).encode()) == expected
    assert decode(json.dumps(reply(text("b"))).encode()) == decode(sent(reply(text("b"))))
    with pytest.raises(ServerError):
        decode(json.dumps([{"error": {"code": 500, "message": "Oh no"}}]).encode())


@given(st.lists(st.integers(0, 400), max_size=8))
def test_bytes_may_be_split_anywhere(places):
    """
    However the bytes are split, the events are the same.
    """
    body = sent(chunk(text("Grüße", thought=True)), chunk(text("a")), reply(text("ü", thoughtSignature="S"), call()))
    edges = [0, *sorted(min(place, len(body)) for place in places), len(body)]

    assert decode(*(body[start:end] for start, end in pairwise(edges))) == decode(body)
