"""Compare replies decoded by the codec of Chat Completions with a naive reading of their JSON."""

from __future__ import annotations

import json

import pytest

from budwood.errors import ProviderError
from budwood.types import HTTPReply, ReasoningPart, RefusalPart
from tests.contract import naive
from tests.contract.replay import REQUEST, build, decode_stream, split

NOT_COMPARED = ("object", "created", "role", "type", "index", "obfuscation")
"""Fields that are not compared: types, times and indexes."""

FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def make_readings(response):
    """
    Return a decoded response in the form of the naive reader.
    """
    return [
        naive.Reading(
            text=message.text,
            reasoning=join_texts(message, ReasoningPart),
            refusal=join_texts(message, RefusalPart),
            calls=[(call.id, call.name, call.arguments) for call in message.tool_calls],
            audio=b"".join(map(read_audio, message.media)),
            transcript="".join(part.transcript or "" for part in message.media),
        )
        for message in (response.message, *response.alternatives)
    ]


def read_audio(part):
    """
    Return audio as the server sent it: samples without header, if the header states the length of just these.
    """
    size = max(len(part.data) - 44, 0)
    has_header = part.seconds is not None and part.data[36:44] == b"data" + size.to_bytes(4, "little")
    return part.data[44:] if has_header else part.data


def join_texts(message, kind):
    """
    Join the texts of all parts of a type.
    """
    return "".join(part.text for part in message.parts if isinstance(part, kind))


def assert_same(response, readings):
    """
    Compare a response with the naive reading. Alternatives have no finish reason.
    """
    raw = readings[0].finish
    assert response.raw_finish_reason == raw
    called = readings[0].calls and raw == "stop"
    assert response.finish_reason == ("tool_calls" if called else FINISH.get(raw, "other"))
    decoded_readings = make_readings(response)
    for decoded, reading in zip(decoded_readings, readings, strict=True):
        reading.finish = None
        decoded.calls = [
            (naive.GENERATED_ID if recorded[0] == naive.GENERATED_ID and call[0] else call[0], *call[1:])
            for call, recorded in zip(decoded.calls, reading.calls, strict=True)
        ]
    assert decoded_readings == readings


def assert_same_usage(usage, recorded):
    """
    Compare usage with the vendor's counts; counts that are not reported are None, not 0.
    """
    if recorded is None:
        assert usage.raw is None
        assert usage.input_tokens is None
        return
    read = recorded.get("prompt_tokens_details") or {}
    details = recorded.get("completion_tokens_details") or {}
    beside = recorded["total_tokens"] - recorded["prompt_tokens"] - recorded["completion_tokens"]
    assert usage.raw == recorded
    assert usage.input_tokens == recorded["prompt_tokens"]
    assert usage.output_tokens == recorded["completion_tokens"] + beside
    assert usage.cache_read_tokens == read.get("cached_tokens")
    assert usage.reasoning_tokens == details.get("reasoning_tokens")


def make_request(readings):
    """
    Return a request for the number of choices, because several choices that were not requested are joined.
    """
    return REQUEST if len(readings) == 1 else REQUEST.model_copy(update={"extra": {"n": len(readings)}})


def is_error_in_success(provider, head, body):
    """
    Return whether a complete reply with status 200 is an error; then check that it is raised with its message.
    """
    reply = json.loads(body)
    if reply.get("choices") or not reply.get("error"):
        return False
    recorded = reply["error"]["message"] if isinstance(reply["error"], dict) else reply["error"]
    with pytest.raises(ProviderError) as caught:
        provider.decode(REQUEST, HTTPReply(head, body))
    assert " ".join(recorded.split())[:200] in str(caught.value)
    return True


def assert_complete_reply(provider, head, body):
    """
    Decode a reply, compare it with its JSON, and return it; None if it is an error.
    """
    if is_error_in_success(provider, head, body):
        return None
    reply = json.loads(body)
    response = provider.decode(make_request(reply["choices"]), HTTPReply(head, body))
    assert_same(response, naive.read_reply(reply))
    assert_same_usage(response.usage, reply.get("usage"))
    assert response.id == (reply["id"] or None)
    assert response.model == reply["model"]
    retained = naive.list_leaves(response.model_dump(exclude={"raw"}))
    lost = naive.list_leaves(naive.remove_fields(reply, *NOT_COMPARED, "data")) - retained
    alternatives = naive.list_leaves([naive.remove_fields(choice, "message") for choice in reply["choices"][1:]])
    assert lost <= alternatives
    return response


def assert_stream(provider, head, body):
    """
    Decode a stream, compare it with its chunks, and return it. The events do not depend on how the bytes are split.
    """
    chunks = naive.split_chunks(body)
    readings = naive.read_stream(chunks)
    request = make_request(readings)
    events = decode_stream(provider.decoder(request, head), [body])
    response = build(events)
    assert_same(response, readings)
    assert_same_usage(response.usage, naive.find_last_usage(chunks))
    assert response.id == next((chunk["id"] for chunk in chunks if chunk.get("id")), None)
    retained = naive.list_leaves(response.model_dump())
    assert naive.list_leaves(naive.remove_fields(list(naive.list_other_content(chunks)), *NOT_COMPARED)) <= retained
    for seed in range(3):
        assert decode_stream(provider.decoder(request, head), split(body, seed)) == events
    return response
