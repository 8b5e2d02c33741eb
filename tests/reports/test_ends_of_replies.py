"""Ends of replies: end marks without a reason, reasons without an end mark, and replies that failed."""

from __future__ import annotations

import pytest

from budwood import ContentFilterError, StreamInterruptedError
from budwood_testing import chat_reply
from tests.reports.wire import COMPATIBLE, chunk, encode_named_sse, encode_sse, weather

OPENAI = "openai/gpt-5"
CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress"}}
ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
TEXT = {"type": "output_text", "text": "Hello.", "annotations": []}
DELTA = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0}


def encode_response_stream(*last):
    """
    Encode a stream of Responses with a text and these last events.
    """
    return encode_named_sse(
        CREATED,
        {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
        {**DELTA, "delta": "Hello."},
        {"type": "response.output_item.done", "output_index": 0, "item": {**ITEM, "content": [TEXT]}},
        *last,
    )


@pytest.mark.report("anomalyco/opencode#43882", outcome="right")
@pytest.mark.report("HEXUXIU/M365-Copilot2API#6", outcome="right")
def test_done_without_a_finish_reason_completes_a_stream(scripted, make_client, collect):
    """
    A stream with `[DONE]` and without a finish reason is complete.
    """
    scripted.reply(200, chunks=[encode_sse(chunk({"content": "Hel"}), chunk({"content": "lo."}))])

    response = collect()

    assert response.text == "Hello."
    assert len(scripted.calls) == 1


@pytest.mark.report("ikawrakow/ik_llama.cpp#467", outcome="right")
def test_a_finish_reason_without_done_completes_a_stream(scripted, collect):
    """
    A stream that ends after the finish reason, without `[DONE]`, is complete.
    """
    scripted.reply(200, chunks=[encode_sse(chunk({"content": "Hello."}), chunk({}, "stop"), end=b"")])

    response = collect()

    assert (response.text, response.finish_reason) == ("Hello.", "stop")


@pytest.mark.report("vercel/ai#19165", outcome="right")
def test_a_stream_without_finish_reason_and_done_is_interrupted(scripted, collect):
    """
    A stream that ends with neither was cut off, and raises StreamInterruptedError.
    """
    scripted.reply(200, chunks=[encode_sse(chunk({"content": "Hel"}), end=b"")])

    with pytest.raises(StreamInterruptedError) as caught:
        collect()

    assert caught.value.response.text == "Hel"


@pytest.mark.report("vespa-engine/vespa#33327", outcome="right")
@pytest.mark.parametrize("reason", ["eos", "stop_sequence", "eos_token"])
def test_finish_reasons_of_other_servers_are_accepted(reason, scripted, make_client):
    """
    Some servers name the token that ended the reply; the value is available as raw_finish_reason.
    """
    scripted.reply(200, chat_reply("Hello.", finish_reason=reason))

    reply = make_client(COMPATIBLE).ask("Hi")

    assert (reply.text, reply.raw_finish_reason) == ("Hello.", reason)
    assert reply.finish_reason in ("stop", "other")


@pytest.mark.report("Kilo-Org/kilocode#7773", outcome="right")
@pytest.mark.report("mastra-ai/mastra#14187", outcome="right")
@pytest.mark.parametrize("calls", [[], None])
def test_the_finish_reason_tool_calls_without_calls_ends_the_loop(calls, scripted, make_client):
    """
    With `finish_reason: "tool_calls"` and no call, no further request is sent.
    """
    scripted.reply(200, chat_reply("Let me look.", tool_calls=calls, finish_reason="tool_calls"))

    reply = make_client(COMPATIBLE).ask("Weather?", tools=[weather])

    assert reply.text == "Let me look."
    assert len(scripted.calls) == 1


@pytest.mark.report("openai/openai-agents-python#3106", outcome="right")
@pytest.mark.report("langchain-ai/langchain#39041", outcome="right")
def test_a_response_that_failed_in_a_stream_is_an_error(scripted, collect):
    """
    `response.failed` raises an error with the vendor's message and the partial reply.
    """
    error = {"code": "server_error", "message": "The server had an error while processing your request."}
    failed = {"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "error": error}}
    scripted.reply(200, chunks=[encode_response_stream(failed)])

    with pytest.raises(StreamInterruptedError, match="had an error while processing") as caught:
        collect(OPENAI, api="responses")

    assert caught.value.response.text == "Hello."


@pytest.mark.report("Intrect-io/OpenSwarm#557", outcome="right")
def test_an_incomplete_response_has_its_reason(scripted, collect):
    """
    `response.incomplete` returns the text with the finish reason "length".
    """
    details = {"reason": "max_output_tokens"}
    response = {"id": "resp_1", "status": "incomplete", "incomplete_details": details, "output": []}
    scripted.reply(200, chunks=[encode_response_stream({"type": "response.incomplete", "response": response})])

    reply = collect(OPENAI, api="responses")

    assert (reply.text, reply.finish_reason) == ("Hello.", "length")


@pytest.mark.report("BerriAI/litellm#32724", outcome="right")
def test_items_that_were_streamed_are_the_output(scripted, collect):
    """
    Streamed items are returned even if the output of the last event is empty.
    """
    response = {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": []}
    scripted.reply(200, chunks=[encode_response_stream({"type": "response.completed", "response": response})])

    reply = collect(OPENAI, api="responses")

    assert (reply.text, reply.finish_reason) == ("Hello.", "stop")


@pytest.mark.report("browser-use/browser-use#262", outcome="right")
@pytest.mark.parametrize("inner", ["innererror", "inner_error"])
def test_a_filtered_prompt_raises_a_content_filter_error(inner, scripted, make_client):
    """
    A reply 400 of Azure's content filter raises ContentFilterError with the categories.
    """
    found = {"jailbreak": {"filtered": True, "detected": True}}
    error = {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        inner: {"code": "ResponsibleAIPolicyViolation", "content_filter_result": found},
    }
    scripted.reply(400, {"error": error})

    with pytest.raises(ContentFilterError) as caught:
        make_client("azure/gpt-4o", base_url="https://x.openai.azure.com").ask("Hi")

    assert caught.value.categories["jailbreak"]["filtered"] is True


@pytest.mark.report("pydantic/pydantic-ai#2759", outcome="right")
@pytest.mark.report("pydantic/pydantic-ai#1233", outcome="right")
def test_an_invalid_tool_call_of_groq_is_retried(scripted, make_client):
    """
    Groq replies 400 if its model writes an invalid tool call; another attempt may succeed.
    """
    error = {
        "message": "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
        "type": "invalid_request_error",
        "code": "tool_use_failed",
        "failed_generation": "Elon Musk's contact information is present in our database.",
    }
    scripted.reply(400, {"error": error}).reply(200, chat_reply("Rain."))

    reply = make_client("groq/llama-3.3-70b-versatile", retries=1).ask("Weather?", tools=[weather])

    assert reply.text == "Rain."
