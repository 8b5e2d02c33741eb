"""Streams that repeat content, send it in other events, or report errors outside of events."""

from __future__ import annotations

import json

import pytest

from budwood import BudwoodError
from tests.reports.compatible import OSLO, ROME, ask, chunk, encode_event, events, weather
from tests.reports.wire import (
    CLAUDE,
    CLAUDE_END,
    GEMINI,
    OLLAMA,
    encode_json_lines,
    encode_named_sse,
    make_claude_start,
    make_claude_text,
    make_gemini_reply,
)

RESPONSES = {"providers": {"openai": {"api": "responses"}}}
CREATED = {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}
COMPLETED = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}
FAILURE = {"id": "r", "status": "failed", "output": [], "error": {"code": "server_error", "message": "Out of memory"}}


def make_call_chunk(delta, **function):
    """
    Make a chunk with a fragment of the first call.
    """
    return chunk({"tool_calls": [{"index": 0, **delta, "function": function}]})


def make_response_call(number, arguments):
    """
    Return a call of Responses.
    """
    fields = {"id": f"fc_{number}", "call_id": f"call_{number}", "name": "weather", "arguments": arguments}
    return {"type": "function_call", **fields}


def test_messages_in_place_of_deltas_are_joined(scripted, clock):
    """
    A server that sends `message` in every chunk loses no text.
    """
    first = {"choices": [{"index": 0, "message": {"content": "Hel"}}]}
    last = {"choices": [{"index": 0, "message": {"content": "lo"}, "finish_reason": "stop"}]}
    scripted.reply(200, chunks=events(first, last))

    assert ask(scripted, clock, streamed=True).text == "Hello"


def test_a_call_that_is_repeated_at_the_end_is_one_call(scripted, clock):
    """
    A last fragment with the complete call does not start a second call.
    """
    first = make_call_chunk({"id": "a"}, name="weather", arguments=OSLO[:5])
    last = make_call_chunk({"id": "a"}, name="weather", arguments=OSLO)
    scripted.reply(200, chunks=events(first, make_call_chunk({}, arguments=OSLO[5:]), last, chunk({}, "tool_calls")))

    response = ask(scripted, clock, streamed=True, tools=[weather], execute_tools=False)

    assert [(call.name, call.arguments) for call in response.tool_calls] == [("weather", OSLO)]


def test_a_name_after_arguments_belongs_to_the_same_call(scripted, clock):
    """
    A fragment with arguments may come before the one with the name.
    """
    fragments = (
        make_call_chunk({"id": "a"}, arguments=OSLO[:5]),
        make_call_chunk({}, name="weather", arguments=OSLO[5:]),
    )
    scripted.reply(200, chunks=events(*fragments, chunk({}, "tool_calls")))

    response = ask(scripted, clock, streamed=True, tools=[weather], execute_tools=False)

    assert [(call.name, call.arguments) for call in response.tool_calls] == [("weather", OSLO)]


def test_text_after_the_end_mark_is_ignored(scripted, clock):
    """
    A complete reply stays complete if a proxy writes after its end mark.
    """
    scripted.reply(200, chunks=[*events(chunk({"content": "Hello"}), chunk({}, "stop")), b"data: bye\n\n"])

    assert ask(scripted, clock, streamed=True).text == "Hello"


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_in_a_choice_is_raised(streamed, scripted, clock):
    """
    An error that OpenRouter reports in the choice is raised if the reply is empty.
    """
    choice = {"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "Provider disconnected"}}
    body = {"id": "c", "choices": [{**choice, "delta" if streamed else "message": {"content": ""}}]}
    scripted.reply(200, **({"chunks": events(body)} if streamed else {"body": json.dumps(body).encode()}))

    with pytest.raises(BudwoodError, match="Provider disconnected"):
        ask(scripted, clock, streamed=streamed)


@pytest.mark.parametrize(
    "line", [b'error: {"code": 500, "message": "Out of memory"}', b'{"error": {"message": "Out of memory"}}']
)
@pytest.mark.parametrize("model", ["openai-compatible/m", CLAUDE, GEMINI])
def test_an_error_outside_of_events_is_quoted(model, line, scripted, clock):
    """
    Errors that llama.cpp and gateways write into a stream, without the field `data`, are raised with their message.
    """
    first = {
        CLAUDE: encode_named_sse(*make_claude_start(), make_claude_text("Hel")),
        GEMINI: encode_event({"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]}),
    }.get(model, encode_event(chunk({"content": "Hel"})))
    scripted.reply(200, chunks=[first, line + b"\n\n"])

    with pytest.raises(BudwoodError, match="Out of memory"):
        ask(scripted, clock, streamed=True, model=model, max_tokens=50)


def test_zeros_at_the_end_do_not_replace_usage(scripted, clock):
    """
    Streams of Anthropic and Gemini keep the counts that were received before zeros.
    """
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 0}}
    scripted.reply(
        200,
        chunks=[encode_named_sse(*make_claude_start(), make_claude_text("Hello"), CLAUDE_END[0], last, CLAUDE_END[2])],
    )
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}
    text = make_gemini_reply({"text": "Hello"})
    scripted.reply(
        200,
        chunks=[
            encode_event({**text, "usageMetadata": counts}),
            encode_event({"usageMetadata": dict.fromkeys(counts, 0)}),
        ],
    )

    claude, gemini = (ask(scripted, clock, streamed=True, model=model, max_tokens=50) for model in (CLAUDE, GEMINI))

    assert claude.usage.input_tokens == 3
    assert (gemini.usage.input_tokens, gemini.usage.output_tokens) == (3, 5)


def test_a_text_in_place_of_ollamas_message_is_an_error(scripted, clock):
    """
    The message of a gateway in front of Ollama is quoted.
    """
    scripted.reply(200, chunks=[encode_json_lines({"message": "Out of memory"})])

    with pytest.raises(BudwoodError, match="Out of memory"):
        ask(scripted, clock, streamed=True, model=OLLAMA)


def stream_responses(scripted, clock, *sent, **options):
    """
    Stream these events of Responses.
    """
    scripted.reply(200, chunks=[encode_named_sse(*sent)])
    return ask(scripted, clock, streamed=True, model="openai/gpt-4.1", settings=RESPONSES, **options)


def test_text_without_deltas_is_read(scripted, clock):
    """
    The event that ends a text has it in full, for servers that send no deltas.
    """
    done = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"}

    assert stream_responses(scripted, clock, CREATED, done, COMPLETED).text == "Hello"


def test_calls_without_deltas_and_with_one_index_are_read(scripted, clock):
    """
    Two calls with the same index are two calls, and their last events have the arguments in full.
    """
    sent = [CREATED]
    for number, arguments in ((1, OSLO), (2, ROME)):
        sent.append({"type": "response.output_item.added", "output_index": 0, "item": make_response_call(number, "")})
        done = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": arguments}
        sent.append(done)
        sent.append(
            {"type": "response.output_item.done", "output_index": 0, "item": make_response_call(number, arguments)}
        )

    response = stream_responses(scripted, clock, *sent, COMPLETED, tools=[weather], execute_tools=False)

    assert [(call.id, call.arguments) for call in response.tool_calls] == [("call_1", OSLO), ("call_2", ROME)]


def test_a_completed_event_with_a_failed_response_is_an_error(scripted, clock):
    """
    The status of the response counts, not the name of the event.
    """
    with pytest.raises(BudwoodError, match="Out of memory"):
        stream_responses(scripted, clock, CREATED, {"type": "response.completed", "response": FAILURE})


REPLIES = {
    "openai/gpt-4.1": {"choices": [{"message": {"content": "Rain."}, "finish_reason": "stop"}]},
    "anthropic/claude-sonnet-4-5": {"content": [{"type": "text", "text": "Rain."}], "stop_reason": "end_turn"},
    "gemini/gemini-3-pro": {"candidates": [{"content": {"parts": [{"text": "Rain."}]}, "finishReason": "STOP"}]},
    "ollama/qwen3": {"message": {"role": "assistant", "content": "Rain."}, "done": True, "done_reason": "stop"},
}


def make_history(**fields):
    """Return a conversation in OpenAI's form, whose call has further fields."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": OSLO}, **fields}
    make_tool_call_reply = {"role": "assistant", "content": None, "tool_calls": [call]}
    return [
        {"role": "user", "content": "Hi"},
        make_tool_call_reply,
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]


@pytest.mark.parametrize("model", REPLIES)
def test_fields_of_calls_that_are_not_sent_are_reported(scripted, clock, model):
    """
    A field of a call in a dictionary is reported if the API does not accept it.
    """
    scripted.reply(200, REPLIES[model])

    response = ask(scripted, clock, model=model, prompt=make_history(extra_content={"google": {}}), max_tokens=9)

    assert [adaptation.parameter for adaptation in response.adaptations] == ["messages"]


def test_a_signature_in_a_dictionary_is_sent_to_gemini(scripted, clock):
    """
    Google's compatible API puts the signature into `extra_content`; Gemini's own API gets it from there.
    """
    scripted.reply(200, REPLIES["gemini/gemini-3-pro"])

    prompt = make_history(extra_content={"google": {"thought_signature": "SIG"}})
    response = ask(scripted, clock, model="gemini/gemini-3-pro", prompt=prompt)

    assert scripted.sent()["contents"][1]["parts"][0]["thoughtSignature"] == "SIG"
    assert response.adaptations == ()


def marked(text):
    """Return a text with a mark for prompt caching."""
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]


def test_marks_for_prompt_caching_are_sent_to_openrouter(scripted, clock):
    """
    OpenRouter passes them on to the vendor; other texts of the conversation have none.
    """
    scripted.reply(200, REPLIES["openai/gpt-4.1"])
    prompt = [{"role": "system", "content": marked("Rules.")}, {"role": "user", "content": "Hi"}]

    response = ask(scripted, clock, model="openrouter/anthropic/claude-sonnet-4.5", prompt=prompt)

    assert [message["content"] for message in scripted.sent()["messages"]] == [marked("Rules."), "Hi"]
    assert response.adaptations == ()


@pytest.mark.parametrize("model", [model for model in REPLIES if not model.startswith("anthropic/")])
def test_marks_for_prompt_caching_that_are_not_sent_are_reported(scripted, clock, model):
    """
    They affect only price and speed, so the request is sent without them.
    """
    scripted.reply(200, REPLIES[model])

    response = ask(scripted, clock, model=model, prompt=[{"role": "user", "content": marked("Hi")}], max_tokens=9)

    assert [(one.parameter, one.action) for one in response.adaptations] == [("cache", "dropped")]
