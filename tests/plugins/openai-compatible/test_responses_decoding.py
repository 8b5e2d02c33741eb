from __future__ import annotations

import json

import pytest

from budwood.errors import (
    BadResponseError,
    ContentFilterError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
)
from budwood.types import (
    ChatRequest,
    HTTPReply,
    Message,
    ReasoningPart,
    RefusalPart,
    ReplyHead,
    TextPart,
    ToolCallPart,
    VendorPart,
)
from tests.responses import call, message, reasoning, refusal, response

VENDOR = "my-server"
REQUEST = ChatRequest(model="m", messages=(Message.user("Hello"),))


@pytest.fixture
def decode(new_provider):
    """
    Decode a complete reply of Responses.
    """

    def decode_items(body, headers=()):
        return new_provider(api="responses").decode(
            REQUEST, HTTPReply(ReplyHead(200, dict(headers)), json.dumps(body).encode())
        )

    return decode_items


def test_text_keeps_fields_of_its_item(decode):
    """
    Text keeps the id, status, phase and annotations for the next request.
    """
    read = decode(response(message("Hi", phase="final_answer")))

    item_fields = {"id": "msg_1", "status": "completed", "phase": "final_answer"}
    assert read.message.parts == (
        TextPart(text="Hi", provider=VENDOR, data={"annotations": [], "message": item_fields}),
    )
    assert (read.text, read.finish_reason, read.raw_finish_reason) == ("Hi", "stop", "completed")
    assert (read.id, read.model, read.raw["id"]) == ("resp_1", "scripted", "resp_1")


def test_reasoning_item_is_preserved(decode):
    """
    The text of reasoning is its summaries; the item with its encrypted content is in the data.
    """
    item = reasoning("First.", "Then.")

    read = decode(response(item, message("Hi")))

    assert read.reasoning == "First.\n\nThen."
    assert read.message.parts[0] == ReasoningPart(text="First.\n\nThen.", provider=VENDOR, data=item)


def test_reasoning_without_summaries(decode):
    """
    The reasoning of open models, which has no summaries, is the text.
    """
    content = [{"type": "reasoning_text", "text": "Hm. "}, {"type": "reasoning_text", "text": "Yes."}]

    assert decode(response(reasoning(content=content))).reasoning == "Hm. Yes."


def test_id_of_a_call_is_its_call_id(decode):
    """
    The id of a call is its ``call_id``; the id of the item is in the data.
    """
    read = decode(response(call("weather", '{"city":"Oslo"}')))

    data = {"type": "function_call", "id": "fc_1", "status": "completed"}
    tool_call = ToolCallPart(id="call_1", name="weather", arguments='{"city":"Oslo"}', provider=VENDOR, data=data)
    assert (read.tool_calls, read.finish_reason) == ((tool_call,), "tool_calls")


def test_custom_tool_call(decode):
    """
    The input of a custom tool may be any text.
    """
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "run", "input": "ls"}

    (tool_call,) = decode(response(item)).tool_calls

    assert (tool_call.id, tool_call.name, tool_call.arguments, tool_call.data["type"]) == (
        "call_1",
        "run",
        "ls",
        "custom_tool_call",
    )


@pytest.mark.parametrize(
    "kind", ["web_search_call", "mcp_call", "compaction", "image_generation_call", "tomorrows_item"]
)
def test_other_items_are_vendor_parts(decode, kind):
    """
    Items that Budwood does not model are vendor parts, in their order.
    """
    item = {"type": kind, "id": "x", "result": [1, {"a": None}]}

    read = decode(response(item, message("Hi")))

    assert read.message.parts[0] == VendorPart(provider=VENDOR, kind=kind, data=item)


@pytest.mark.parametrize("content", [[], [{"type": "output_audio", "data": "x"}]])
def test_message_with_other_content_is_a_vendor_part(decode, content):
    """
    A message without content, or with unknown content, is a vendor part.
    """
    item = message("", content=content)

    assert decode(response(item)).message.parts == (VendorPart(provider=VENDOR, kind="message", data=item),)


def test_refusal(decode):
    """
    A refusal is a part of its own, and the finish reason.
    """
    read = decode(response(refusal("I cannot.")))

    (part,) = read.message.parts
    assert (type(part), part.text, read.text, read.finish_reason) == (RefusalPart, "I cannot.", "", "refusal")


@pytest.mark.parametrize(
    ("changes", "finish", "raw"),
    [
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "new"}}, "other", "new"),
        ({"status": "incomplete"}, "other", "incomplete"),
        ({"status": "queued"}, "other", "queued"),
        ({"status": "cancelled"}, "other", "cancelled"),
        ({"status": None}, "other", None),
    ],
)
def test_finish_reasons(decode, changes, finish, raw):
    """
    An incomplete reply has its reason; a status that is not final is ``other``.
    """
    read = decode(response(message("Hi"), **changes))

    assert (read.finish_reason, read.raw_finish_reason) == (finish, raw)


def test_usage(decode):
    """
    Totals include cached input and reasoning.
    """
    usage = decode(response()).usage

    assert (usage.input_tokens, usage.uncached_input_tokens, usage.cache_read_tokens) == (10, 6, 4)
    assert (usage.cache_write_tokens, usage.output_tokens, usage.reasoning_tokens) == (3, 7, 5)
    assert usage.raw["total_tokens"] == 17


def test_missing_usage_is_none(decode):
    """
    Counts that the server does not report are None, not 0.
    """
    unknown = decode(response(usage=None)).usage
    usage = decode(response(usage={"input_tokens": 1, "output_tokens": 2})).usage

    assert (unknown.input_tokens, unknown.raw) == (None, None)
    assert (usage.total_tokens, usage.cache_read_tokens, usage.uncached_input_tokens) == (3, None, None)


def test_metadata(decode):
    """
    The service tier is metadata; fields that repeat the request are not.
    """
    read = decode(response(service_tier="flex", tools=[{"type": "function"}], instructions="x"))

    assert read.metadata == {"service_tier": "flex"}


def test_headers(decode):
    """
    Request id and rate limits are decoded from the headers.
    """
    read = decode(response(), {"x-request-id": "req_1", "x-ratelimit-remaining-tokens": "9"})

    assert (read.request_id, read.rate_limits.remaining_tokens) == ("req_1", 9)


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("server_error", ServerError, True),
        ("rate_limit_exceeded", RateLimitError, True),
        ("invalid_prompt", InvalidRequestError, False),
        ("invalid_image_url", InvalidRequestError, False),
        ("image_content_policy_violation", ContentFilterError, False),
        ("misalignment_policy_violation", ContentFilterError, False),
        ("vector_store_timeout", ServerError, True),
    ],
)
def test_failed_response_is_raised(decode, code, kind, retryable):
    """
    A failed response with status 200 is raised, with the class of its code.
    """
    with pytest.raises(kind, match="It broke") as caught:
        decode(response(status="failed", error={"code": code, "message": "It broke."}))

    assert (caught.value.code, caught.value.retryable) == (code, retryable)


@pytest.mark.parametrize("body", [{}, {"output": None}, {"choices": []}, [], "x"])
def test_reply_without_output_is_an_error(decode, body):
    """
    A reply without output raises `BadResponseError`.
    """
    with pytest.raises(BadResponseError):
        decode(body)
