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
    Make a chunk that is not the last.
    """
    return {"candidates": [candidate(*parts, finish=None)], "responseId": "r1", "modelVersion": "gemini-9", **fields}


def events_of(*pieces):
    """
    Decode pieces of bytes.
    """
    decoder = GeminiStreamDecoder(HEAD)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def sent(*chunks):
    """
    Write chunks as the events of a stream.
    """
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks)


def test_text_and_thoughts_grow(streamed):
    """
    Pieces of text are one text, and pieces of thought one thought, closed where something else begins.
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
    A signature belongs to the piece that it came with, be it empty: to join pieces would void it.
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
    The same of thoughts.
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
    Calls come whole, each is one of its own, and the signature of the first stays with it.
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


def test_arguments_in_pieces(streamed):
    """
    Arguments that come piece by piece are put together, two calls after each other, the last one unended.
    """

    def piece(path, value, **fields):
        return {"functionCall": {"partialArgs": [{"jsonPath": path, "stringValue": value}], "willContinue": True}}

    begin = {"functionCall": {"name": "cook", "willContinue": True}, "thoughtSignature": "S"}
    response = streamed(
        chunk(begin),
        chunk(piece("$.dish", "las")),
        chunk(piece("$.dish", "agne")),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"name": "eat", "willContinue": True}}),
        chunk(piece("$.with", "fork")),
        reply(text("")),
    )

    first, second = response.tool_calls
    assert (first.name, first.parse_arguments(), first.data) == ("cook", {"dish": "lasagne"}, {"thoughtSignature": "S"})
    assert (second.name, second.parse_arguments()) == ("eat", {"with": "fork"})


def test_vendor_parts_keep_their_place(streamed):
    """
    Code stands between the texts around it; sources come at the end, each but once, and split no text.
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
    Later counts replace earlier ones whole; a chunk that names only the traffic replaces none.
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
    Chunks of several candidates are kept apart.
    """
    response = streamed(
        {"candidates": [candidate(text("a"), finish=None), candidate(text("x"), finish=None, index=1)]},
        {"candidates": [candidate(text("b")), candidate(text("y"), index=1)]},
    )
    assert (response.text, [message.text for message in response.alternatives]) == ("ab", ["xy"])


def test_a_blocked_prompt_is_an_error(streamed):
    """
    The first chunk tells that the prompt was refused.
    """
    with pytest.raises(ContentFilterError) as caught:
        streamed({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": USAGE})
    assert (caught.value.stage, caught.value.code) == ("prompt", "PROHIBITED_CONTENT")


def test_a_reply_that_is_held_back_is_an_error(streamed):
    """
    A stream that the filter ends before it has said anything is an error; after that its finish reason says it.
    """
    blocked = {"candidates": [{"finishReason": "SAFETY", "safetyRatings": [{"category": "C", "probability": "HIGH"}]}]}
    with pytest.raises(ContentFilterError) as caught:
        streamed(blocked)
    assert (caught.value.stage, caught.value.categories) == ("output", {"C": {"probability": "HIGH"}})

    response = streamed(chunk(text("Once")), blocked)
    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("Once", "content_filter", "SAFETY")


def test_an_error_in_the_stream_comes_after_what_was_before_it():
    """
    An error inside a 200 is raised with its own status, and what came in the same read is not lost.
    """
    failed = {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}
    decoder = GeminiStreamDecoder(HEAD)
    assert len(decoder.feed(sent(chunk(text("Once")), failed))) == 3
    with pytest.raises(Exception, match="Overloaded") as caught:
        decoder.feed(b"")
    assert (caught.value.status, caught.value.retryable) == (503, True)

    with pytest.raises(ServerError):
        events_of(sent({"error": {"message": "Oh no"}}))


@pytest.mark.parametrize("body", [b"", sent(chunk(text("Once"))), sent({"usageMetadata": USAGE})])
def test_a_stream_without_finish_reason_was_interrupted(body):
    """
    A stream that does not say why it ended was cut.
    """
    with pytest.raises(StreamInterruptedError):
        events_of(body)


@pytest.mark.parametrize("body", [b"data: [1]\n\n", b"data: {oops\n\n", b"<html></html>", b'{"a":', b"[1]"])
def test_what_is_no_stream_is_said_to_be_none(body):
    """
    HTML, half a JSON and other values are not what the API promises.
    """
    with pytest.raises(BadResponseError):
        events_of(body)


def test_the_list_that_comes_without_sse_is_read():
    """
    Proxies that drop the query get a JSON list of chunks, or one reply: both are read.
    """
    chunks = [chunk(text("a")), reply(text("b"))]
    expected = events_of(sent(*chunks))

    assert events_of(b" ", json.dumps(chunks).encode()) == expected
    assert events_of(json.dumps(reply(text("b"))).encode()) == events_of(sent(reply(text("b"))))
    with pytest.raises(ServerError):
        events_of(json.dumps([{"error": {"code": 500, "message": "Oh no"}}]).encode())


@given(st.lists(st.integers(0, 400), max_size=8))
def test_bytes_may_be_cut_anywhere(places):
    """
    However the bytes arrive, the events are the same.
    """
    body = sent(chunk(text("Grüße", thought=True)), chunk(text("a")), reply(text("ü", thoughtSignature="S"), call()))
    edges = [0, *sorted(min(place, len(body)) for place in places), len(body)]

    assert events_of(*(body[start:end] for start, end in pairwise(edges))) == events_of(body)
