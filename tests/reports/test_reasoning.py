"""Reasoning: reading it from replies, and sending it back in the history."""

from __future__ import annotations

import pytest

from budwood_testing import chat_reply
from tests.reports.wire import (
    CLAUDE,
    OLLAMA,
    chunk,
    encode_json_lines,
    encode_named_sse,
    encode_sse,
    make_claude_reply,
    make_claude_start,
    weather,
)

TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
OMITTED = {"type": "thinking", "thinking": "", "signature": "EqQBCkYIBRgC=="}
REDACTED = {"type": "redacted_thinking", "data": "EvAFCoYBGAIiQL7asGsEhSLP="}


@pytest.mark.report("strands-agents/harness-sdk#2182", outcome="right")
@pytest.mark.report("run-llama/llama_index#21075", outcome="right")
@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_from_both_of_its_fields(name, scripted, make_client, collect):
    """
    Budwood reads `reasoning_content` and `reasoning`, its new name in vLLM, in streams and complete replies.
    """
    chunks = [chunk({name: "Think"}), chunk({name: "ing"}), chunk({"content": "2"}, "stop")]
    scripted.reply(200, chunks=[encode_sse(*chunks)]).reply(200, chat_reply("2", **{name: "Thinking"}))

    for response in (collect(), make_client().ask("1+1=?")):
        assert (response.reasoning, response.text) == ("Thinking", "2")


@pytest.mark.report("BerriAI/litellm#16272", outcome="right")
@pytest.mark.report("karthink/gptel#1035", outcome="right")
def test_thinking_in_a_content_list_is_reasoning(scripted, make_client, collect):
    """
    Thinking is read as reasoning if the content is a list, as from Mistral's reasoning models.
    """

    def make_thinking(text):
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}

    chunks = [chunk(make_thinking(text)) for text in ("'s a greeting", ", I should", " return")]
    last = {"content": [{"type": "text", "text": "Hel"}]}
    scripted.reply(200, chunks=[encode_sse(*chunks, chunk(last), chunk({"content": "lo."}), chunk({}, "stop"))])
    scripted.reply(200, chat_reply([*make_thinking("A greeting.")["content"], {"type": "text", "text": "Hello."}]))

    streamed, complete = (
        collect("mistral/magistral-medium-2509"),
        make_client("mistral/magistral-medium-2509").ask("Hi"),
    )

    assert (streamed.reasoning, streamed.text) == ("'s a greeting, I should return", "Hello.")
    assert (complete.reasoning, complete.text) == ("A greeting.", "Hello.")


@pytest.mark.report("BerriAI/litellm#20737", outcome="right")
def test_all_chunks_of_thinking_are_read(scripted, collect):
    """
    All chunks of thinking in a stream of Ollama are read.
    """
    thought = [{"message": {"content": "", "thinking": piece}, "done": False} for piece in ("I ", "think ", "so", ".")]
    last = {"message": {"content": "Yes."}, "done": True, "done_reason": "stop", "eval_count": 9}
    scripted.reply(200, chunks=[encode_json_lines(*thought, last)])

    response = collect(OLLAMA)

    assert (response.reasoning, response.text) == ("I think so.", "Yes.")


@pytest.mark.report("BerriAI/litellm#41962", outcome="right")
def test_a_reply_with_only_thinking_is_not_empty(scripted, make_client):
    """
    A reply of Ollama with only `thinking` has reasoning and an empty text.
    """
    message = {"role": "assistant", "content": "", "thinking": "The user wants OK."}
    scripted.reply(200, {"model": "gpt-oss", "message": message, "done": True, "done_reason": "stop"})

    reply = make_client(OLLAMA).ask("Reply with exactly OK.")

    assert (reply.reasoning, reply.text) == ("The user wants OK.", "")


@pytest.mark.report("simonw/llm-anthropic#81", outcome="right")
@pytest.mark.report("diegosouzapw/OmniRoute#2191", outcome="right")
@pytest.mark.parametrize("streamed", [False, True])
def test_encrypted_thinking_is_sent_back_unchanged(streamed, scripted, make_client, collect):
    """
    Thinking with a signature but no text, and redacted thinking, are sent back before the tool call.
    """
    if streamed:
        scripted.reply(200, chunks=[encode_named_sse(*_encode_blocks(OMITTED, REDACTED, TOOL_USE))])
    else:
        scripted.reply(200, make_claude_reply(OMITTED, REDACTED, TOOL_USE, stop_reason="tool_use"))
    scripted.reply(200, chunks=[encode_named_sse(*make_claude_start(), *_END)]) if streamed else scripted.reply(
        200, _DONE
    )

    if streamed:
        collect(CLAUDE, tools=[weather], max_tokens=2048)
    else:
        make_client(CLAUDE).ask("Weather?", tools=[weather], max_tokens=2048)

    assert scripted.sent()["messages"][1]["content"] == [OMITTED, REDACTED, TOOL_USE]


@pytest.mark.report("continuedev/continue#11721", outcome="right")
@pytest.mark.report("continuedev/continue#11994", outcome="right")
def test_reasoning_items_keep_their_order(scripted, make_client):
    """
    The items of a response are sent back in the same order, without empty messages between them.
    """
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}],
        },
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAB"},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city": "Oslo"}',
            "status": "completed",
        },
    ]
    done = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Rain."}]}]
    for output in (items, done):
        scripted.reply(200, {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": output})

    make_client("openai/gpt-5", api="responses").ask("Weather?", tools=[weather])

    sent = scripted.sent()["input"]
    assert [item.get("type", "message") for item in sent[1:]] == [
        *(item["type"] for item in items),
        "function_call_output",
    ]
    assert [item.get("id") for item in sent[1:5]] == ["rs_1", "msg_1", "rs_2", "fc_1"]


def _encode_blocks(*blocks):
    """
    Yield the events of a stream of Anthropic with these blocks.
    """
    yield make_claude_start()[0]
    for index, block in enumerate(blocks):
        started = {**block, **({"input": {}} if block["type"] == "tool_use" else {})}
        signature = started.pop("signature", None)
        yield {"type": "content_block_start", "index": index, "content_block": started}
        if signature:
            delta = {"type": "signature_delta", "signature": signature}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        if block["type"] == "tool_use":
            delta = {"type": "input_json_delta", "partial_json": '{"city": "Oslo"}'}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


_DONE = make_claude_reply({"type": "text", "text": "Rain."})
_END = (
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Rain."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)
