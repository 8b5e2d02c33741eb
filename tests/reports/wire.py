"""Replies and streams in the wire formats of the vendors."""

from __future__ import annotations

import json

COMPATIBLE = "openai-compatible/m"
CLAUDE = "anthropic/claude-sonnet-4-5"
GEMINI = "gemini/gemini-2.5-pro"
OLLAMA = "ollama/qwen3"
VENDORS = (COMPATIBLE, CLAUDE, GEMINI, OLLAMA)

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
CLAUDE_END = (
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)


def weather(city: str) -> str:
    """
    Forecast the weather.
    """
    return f"rain in {city}"


def chunk(delta, reason=None, **fields):
    """
    Return a chunk of a streamed chat completion.
    """
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **fields}


def encode_sse(*events, end=b"data: [DONE]\n\n"):
    """
    Encode events without names, as in a stream of Chat Completions.
    """
    return b"".join(b"data: " + encode_json(event) + b"\n\n" for event in events) + end


def encode_named_sse(*events):
    """
    Encode events with their types as names, as in a stream of Anthropic.
    """
    return b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + encode_json(event) + b"\n\n" for event in events
    )


def encode_json_lines(*values):
    """
    Encode one JSON value per line, as in a stream of Ollama.
    """
    return b"".join(encode_json(value) + b"\n" for value in values)


def encode_json(value):
    """
    Encode JSON without escaping characters beyond ASCII.
    """
    return json.dumps(value, ensure_ascii=False).encode()


def make_claude_reply(*content, stop_reason="end_turn", **fields):
    """
    Return a complete reply of Anthropic.
    """
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": list(content)}
    return {**message, "stop_reason": stop_reason, "usage": {"input_tokens": 3, "output_tokens": 5}, **fields}


def make_claude_start(**usage):
    """
    Return the first events of a stream of Anthropic, with an open text block.
    """
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": []}
    return (
        {"type": "message_start", "message": {**message, "usage": {"input_tokens": 3, "output_tokens": 1, **usage}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    )


def make_claude_text(text):
    """
    Return one text delta of a stream of Anthropic.
    """
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def make_gemini_reply(*parts, finish="STOP", **fields):
    """
    Return a reply of Gemini, or a chunk.
    """
    ended = {"finishReason": finish} if finish else {}
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **ended}], **fields}


def encode_texts(model, *texts):
    """
    Encode a stream with these texts in the format of the model's vendor.
    """
    if model == COMPATIBLE:
        return encode_sse(*(chunk({"content": text}) for text in texts), chunk({}, "stop"))
    if model == CLAUDE:
        return encode_named_sse(*make_claude_start(), *map(make_claude_text, texts), *CLAUDE_END)
    if model == GEMINI:
        chunks = [make_gemini_reply({"text": text}, finish=None) for text in texts]
        return encode_sse(*chunks, make_gemini_reply({"text": ""}), end=b"")
    chunks = [{"model": "m", "message": {"role": "assistant", "content": text}, "done": False} for text in texts]
    last = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return encode_json_lines(*chunks, last)
