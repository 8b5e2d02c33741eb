from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ContentFilterError, ServerError
from budwood.types import HTTPReply, ReasoningPart, ReplyHead, TextPart, ToolCallPart, VendorPart
from tests.plugins.gemini.conftest import REQUEST
from tests.plugins.gemini.replies import call, candidate, text


def test_text_thoughts_and_signatures(read):
    """
    Thoughts are not text, and a signature stays with its part.
    """
    response = read(candidate(text("Hm.", thought=True), text("Hi", thoughtSignature="S"), text("")))

    assert response.message.parts == (
        ReasoningPart(text="Hm.", provider="gemini"),
        TextPart(text="Hi", provider="gemini", data={"thoughtSignature": "S"}),
    )
    assert (response.text, response.reasoning) == ("Hi", "Hm.")


def test_an_empty_signed_text_is_preserved(read):
    """
    Gemini signs empty texts, and requires them back.
    """
    (part,) = read(candidate(text("", thoughtSignature="S"))).message.parts
    assert part == TextPart(text="", provider="gemini", data={"thoughtSignature": "S"})


def test_function_calls(read):
    """
    Arguments become JSON text; ``STOP`` after a call is the finish reason ``tool_calls``.
    """
    response = read(
        candidate(call(args={"city": "Oslo"}, signature="S"), call(id="x"), {"functionCall": {"name": "c"}})
    )

    assert response.message.parts == (
        ToolCallPart(
            id="budwood-r1-0",
            name="weather",
            arguments='{"city":"Oslo"}',
            provider="gemini",
            data={"thoughtSignature": "S"},
        ),
        ToolCallPart(id="x", name="weather", arguments="{}", provider="gemini"),
        ToolCallPart(id="budwood-r1-2", name="c", arguments="{}", provider="gemini"),
    )
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "STOP")


def test_ids_differ_among_replies_and_candidates(read):
    """
    Calls without ids get ids that differ within a conversation.
    """
    first = read(candidate(call()), candidate(call(), index=1))
    second = read(candidate(call()), responseId="r2")
    ids = [first.message.tool_calls[0].id, first.alternatives[0].tool_calls[0].id, second.message.tool_calls[0].id]

    assert len(set(ids)) == 3


def test_unknown_content_becomes_vendor_parts(read):
    """
    Code, its output, files and unknown kinds keep all fields.
    """
    parts = [
        {"executableCode": {"code": "1"}, "thoughtSignature": "S"},
        {"codeExecutionResult": {"output": "1"}},
        {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}},
        {"thought": True, "inlineData": {"mimeType": "image/png", "data": "cG5n"}},
        {"somethingNew": 1},
    ]
    grounding = {"webSearchQueries": ["x"]}
    response = read(candidate(*parts, groundingMetadata=grounding, urlContextMetadata={}))

    assert [(part.kind, part.data) for part in response.message.parts] == [
        *((next(kind for kind in part if kind != "thought"), part) for part in parts),
        ("groundingMetadata", grounding),
    ]
    assert all(isinstance(part, VendorPart) and part.provider == "gemini" for part in response.message.parts)


def test_unknown_fields_of_a_text_are_preserved(read):
    """
    They are sent back with the text.
    """
    (part,) = read(candidate(text("Hello", somethingNew={"x": 1}))).message.parts

    assert (part.text, part.provider, part.data) == ("Hello", "gemini", {"somethingNew": {"x": 1}})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("MISSING_THOUGHT_SIGNATURE", "error"),
        ("LANGUAGE", "other"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
        ("SAFETY", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
    ],
)
def test_finish_reasons(read, raw, reason):
    """
    Each reason has a value of ours, next to the raw one.
    """
    response = read(candidate(text("Hi"), finish=raw))
    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_usage_counts_thoughts_and_tools(read):
    """
    Thoughts are output and results of Google's tools input; missing counts are unknown.
    """
    counts = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "toolUsePromptTokenCount": 10,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 120,
    }
    usage = read(candidate(text("Hi")), usageMetadata=counts).usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.uncached_input_tokens) == (110, 40, 70)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (10, 3, 120)
    assert usage.raw == counts

    usage = read(candidate(text("Hi")), usageMetadata={"promptTokenCount": 5, "totalTokenCount": 5}).usage
    assert (usage.cache_read_tokens, usage.reasoning_tokens, usage.output_tokens) == (None, None, 0)
    assert read(candidate(text("Hi"))).usage.input_tokens is None


def test_alternatives_and_metadata(read):
    """
    Further candidates are alternatives; other fields of the reply and its first candidate are metadata.
    """
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}]
    response = read(
        candidate(text("Hi"), safetyRatings=ratings, avgLogprobs=-0.5),
        candidate(text("Ho"), index=1),
        createTime="2026-04-07",
    )

    assert [message.text for message in response.alternatives] == ["Ho"]
    assert response.metadata == {"safetyRatings": ratings, "avgLogprobs": -0.5, "createTime": "2026-04-07"}


def test_a_blocked_prompt_is_an_error(gemini):
    """
    A reply with status 200 and without candidates; the error has the categories.
    """
    feedback = {
        "blockReason": "SAFETY",
        "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}],
    }
    with pytest.raises(ContentFilterError, match="SAFETY") as caught:
        decode(gemini, {"promptFeedback": feedback})

    assert (caught.value.stage, caught.value.code, caught.value.status) == ("prompt", "SAFETY", 200)
    assert caught.value.categories == {"HARM_CATEGORY_HARASSMENT": {"probability": "HIGH", "blocked": True}}
    assert not caught.value.retryable


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"])
def test_a_reply_that_was_blocked_completely_is_an_error(read, reason):
    """
    The error has the categories of the filter.
    """
    ratings = [{"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "MEDIUM"}]
    with pytest.raises(ContentFilterError, match=reason) as caught:
        read({"finishReason": reason, "safetyRatings": ratings, "finishMessage": "Held back"})

    assert (caught.value.stage, caught.value.code) == ("output", reason)
    assert caught.value.categories == {"HARM_CATEGORY_HATE_SPEECH": {"probability": "MEDIUM"}}


def test_a_blocked_reply_keeps_its_text(read):
    """
    The finish reason shows that the reply is incomplete.
    """
    response = read(candidate(text("Once upon"), finish="SAFETY"))
    assert (response.text, response.finish_reason) == ("Once upon", "content_filter")


@pytest.mark.parametrize("body", [{}, {"candidates": []}, {"usageMetadata": {}}])
def test_a_reply_without_candidates_is_an_error(gemini, body):
    """
    Without a reason, a retry may succeed.
    """
    with pytest.raises(BadResponseError, match="no candidates") as caught:
        decode(gemini, body)
    assert caught.value.retryable


def test_an_error_inside_a_200_is_raised(gemini):
    """
    A reply with status 200 may contain an error.
    """
    with pytest.raises(ServerError, match="Oh no") as caught:
        decode(gemini, {"error": {"code": 500, "message": "Oh no", "status": "INTERNAL"}})
    assert (caught.value.status, caught.value.code) == (500, "INTERNAL")


def decode(gemini, body):
    """
    Decode a complete reply.
    """
    return gemini().decode(REQUEST, HTTPReply(ReplyHead(200, {}), json.dumps(body).encode()))
