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
def decode(speaker):
    """
    Read a whole reply of Responses.
    """

    def decoding(body, headers=()):
        return speaker(api="responses").decode(
            REQUEST, HTTPReply(ReplyHead(200, dict(headers)), json.dumps(body).encode())
        )

    return decoding


def test_a_message_is_text_with_what_goes_back(decode):
    """
    Text keeps what was said of it: id, status, phase and annotations.
    """
    read = decode(response(message("Hi", phase="final_answer")))

    about = {"id": "msg_1", "status": "completed", "phase": "final_answer"}
    assert read.message.parts == (TextPart(text="Hi", provider=VENDOR, data={"annotations": [], "message": about}),)
    assert (read.text, read.finish_reason, read.raw_finish_reason) == ("Hi", "stop", "completed")
    assert (read.id, read.model, read.raw["id"]) == ("resp_1", "scripted", "resp_1")


def test_reasoning_is_its_summaries_and_is_kept_whole(decode):
    """
    The text is what the model summed up; the item itself goes back, with its encrypted content.
    """
    item = reasoning("First.", "Then.")

    read = decode(response(item, message("Hi")))

    assert read.reasoning == "First.\n\nThen."
    assert read.message.parts[0] == ReasoningPart(text="First.\n\nThen.", provider=VENDOR, data=item)


def test_reasoning_that_is_shown_whole_is_its_text(decode):
    """
    Open models show their reasoning itself and no summary.
    """
    content = [{"type": "reasoning_text", "text": "Hm. "}, {"type": "reasoning_text", "text": "Yes."}]

    assert decode(response(reasoning(content=content))).reasoning == "Hm. Yes."


def test_calls_are_answered_by_the_id_of_the_call(decode):
    """
    The id of a call is not the id of its item, which goes back with it.
    """
    read = decode(response(call("weather", '{"city":"Oslo"}')))

    data = {"type": "function_call", "id": "fc_1", "status": "completed"}
    wanted = ToolCallPart(id="call_1", name="weather", arguments='{"city":"Oslo"}', provider=VENDOR, data=data)
    assert (read.tool_calls, read.finish_reason) == ((wanted,), "tool_calls")


def test_a_custom_tool_is_called_with_a_text(decode):
    """
    What a custom tool is called with need not be JSON.
    """
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "run", "input": "ls"}

    (wanted,) = decode(response(item)).tool_calls

    assert (wanted.id, wanted.name, wanted.arguments, wanted.data["type"]) == (
        "call_1",
        "run",
        "ls",
        "custom_tool_call",
    )


@pytest.mark.parametrize(
    "kind", ["web_search_call", "mcp_call", "compaction", "image_generation_call", "tomorrows_item"]
)
def test_other_items_are_kept_whole(decode, kind):
    """
    Items that Budwood does not model are vendor parts, in their place.
    """
    item = {"type": kind, "id": "x", "result": [1, {"a": None}]}

    read = decode(response(item, message("Hi")))

    assert read.message.parts[0] == VendorPart(provider=VENDOR, kind=kind, data=item)


@pytest.mark.parametrize("content", [[], [{"type": "output_audio", "data": "x"}]])
def test_a_message_of_other_content_is_kept_whole(decode, content):
    """
    So is a message that holds nothing, or content of a kind that nobody foresaw.
    """
    item = message("", content=content)

    assert decode(response(item)).message.parts == (VendorPart(provider=VENDOR, kind="message", data=item),)


def test_a_refusal_is_no_text(decode):
    """
    The model's words for refusing are a part of their own, and the reason why the reply ended.
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
def test_why_a_reply_ended(decode, changes, finish, raw):
    """
    An incomplete reply says why; a status that is no end is not taken for one.
    """
    read = decode(response(message("Hi"), **changes))

    assert (read.finish_reason, read.raw_finish_reason) == (finish, raw)


def test_usage_is_in_our_form(decode):
    """
    Totals include what was cached and what was reasoned.
    """
    usage = decode(response()).usage

    assert (usage.input_tokens, usage.uncached_input_tokens, usage.cache_read_tokens) == (10, 6, 4)
    assert (usage.cache_write_tokens, usage.output_tokens, usage.reasoning_tokens) == (3, 7, 5)
    assert usage.raw["total_tokens"] == 17


def test_usage_that_is_not_told_is_unknown(decode):
    """
    Unknown is None, never 0.
    """
    unknown = decode(response(usage=None)).usage
    bare = decode(response(usage={"input_tokens": 1, "output_tokens": 2})).usage

    assert (unknown.input_tokens, unknown.raw) == (None, None)
    assert (bare.total_tokens, bare.cache_read_tokens, bare.uncached_input_tokens) == (3, None, None)


def test_what_else_is_said_is_metadata(decode):
    """
    The tier that was used is told; what merely repeats the request is not.
    """
    read = decode(response(service_tier="flex", tools=[{"type": "function"}], instructions="x"))

    assert read.metadata == {"service_tier": "flex"}


def test_headers_are_read(decode):
    """
    Request id and limits come from the headers.
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
def test_a_failed_response_is_an_error(decode, code, kind, retryable):
    """
    A reply with status 200 that says that it failed is raised, by its code.
    """
    with pytest.raises(kind, match="It broke") as caught:
        decode(response(status="failed", error={"code": code, "message": "It broke."}))

    assert (caught.value.code, caught.value.retryable) == (code, retryable)


@pytest.mark.parametrize("body", [{}, {"output": None}, {"choices": []}, [], "x"])
def test_what_is_no_response_is_the_servers_fault(decode, body):
    """
    A reply without output is a `BadResponseError`.
    """
    with pytest.raises(BadResponseError):
        decode(body)
