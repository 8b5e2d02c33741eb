"""Replies and streams of OpenAI's Responses API, for scripted transports."""

from __future__ import annotations

from budwood_testing import sse

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 17,
}


def message(text, **changes):
    """
    Return a message with one text.
    """
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
        **changes,
    }


def refusal(text):
    """
    Return a refusal.
    """
    return message("", content=[{"type": "refusal", "refusal": text}])


def reasoning(*summaries, **changes):
    """
    Return a reasoning item.
    """
    summary = [{"type": "summary_text", "text": text} for text in summaries]
    return {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA", **changes}


def call(name, arguments="{}", number=1):
    """
    Return a function call.
    """
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": name,
        "arguments": arguments,
        "status": "completed",
    }


def response(*items, **changes):
    """
    Return a complete reply.
    """
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "scripted",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": list(items),
        "usage": USAGE,
        "temperature": 1.0,
        **changes,
    }


def events(*items, end="response.completed", **changes):
    """
    Return the events of a stream: each item is added, sent in deltas of one character, and done.
    """
    listed = [{"type": "response.created", "response": response(status="in_progress", usage=None)}]
    for index, item in enumerate(items):
        start = {**item, "content": []} if item["type"] == "message" else {**item, "arguments": ""}
        listed.append({"type": "response.output_item.added", "output_index": index, "item": start})
        listed.extend(deltas(index, item))
        listed.append({"type": "response.output_item.done", "output_index": index, "item": item})
    listed.append({"type": end, "response": response(*items, **changes)})
    return [{**event, "sequence_number": number} for number, event in enumerate(listed)]


def deltas(index, item):
    """
    Return the deltas of an item.
    """
    texts = {
        "message": lambda: [
            ("output_text" if "text" in part else "refusal", part.get("text") or part.get("refusal"))
            for part in item["content"]
        ],
        "function_call": lambda: [("function_call_arguments", item["arguments"])],
    }.get(item["type"], list)()
    return [
        {"type": f"response.{kind}.delta", "output_index": index, "delta": character, "obfuscation": "x"}
        for kind, text in texts
        for character in text
    ]


def stream(*items, **changes):
    """
    Return a stream, one event per chunk.
    """
    return sse(*events(*items, **changes), done=False)
