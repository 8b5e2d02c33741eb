from __future__ import annotations

import base64
import json
import struct

import pytest

from budwood.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    ProviderError,
    RateLimitError,
)
from budwood.types import (
    EmbeddingRequest,
    HTTPReply,
    ReasoningPart,
    RefusalPart,
    ReplyHead,
)
from tests.contract import naive, recorded
from tests.contract.replay import REQUEST, built, cut, head_of, is_stream, play, played_out

SAID_OTHERWISE = ("object", "created", "role", "type", "index", "obfuscation")
"""Fields whose values need not be found again: markers of the form, times, and numbers that become positions."""

FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}

CLASSES = {
    400: InvalidRequestError,
    401: AuthenticationError,
    404: NotFoundError,
    429: RateLimitError,
}


def is_chat(entry):
    """
    Whether an interaction is a chat that was answered.
    """
    return (
        entry["method"] == "POST" and recorded.ends_with(entry["url"], "/chat/completions") and entry["status"] == 200
    )


def is_refused(entry):
    """
    Whether an interaction is a chat or an embedding that was refused.
    """
    endpoints = ("/chat/completions", "/embeddings")
    return entry["status"] >= 400 and any(recorded.ends_with(entry["url"], ending) for ending in endpoints)


def is_embedding(entry):
    """
    Whether an interaction is an embedding that was answered.
    """
    return recorded.ends_with(entry["url"], "/v1/embeddings") and entry["status"] == 200


def readings_of(response):
    """
    Say of a response what the naive reader says of the same reply.
    """
    return [
        naive.Reading(
            text=message.text,
            reasoning=_joined(message, ReasoningPart),
            refusal=_joined(message, RefusalPart),
            calls=[(call.id, call.name, call.arguments) for call in message.tool_calls],
        )
        for message in (response.message, *response.alternatives)
    ]


def _joined(message, kind):
    return "".join(part.text for part in message.parts if isinstance(part, kind))


def assert_same(response, readings):
    """
    Compare the response with the naive reading; of alternatives it holds no finish reason.
    """
    raw = readings[0].finish
    assert response.raw_finish_reason == raw
    called = readings[0].calls and raw == "stop"
    assert response.finish_reason == ("tool_calls" if called else FINISH.get(raw, "other"))
    ours = readings_of(response)
    for our, reading in zip(ours, readings, strict=True):
        reading.finish = None
        our.calls = [
            (naive.MADE if said[0] == naive.MADE and call[0] else call[0], *call[1:])
            for call, said in zip(our.calls, reading.calls, strict=True)
        ]
    assert ours == readings


def assert_same_usage(usage, said):
    """
    Compare usage with the vendor's own numbers; what it does not say is unknown, not 0.
    """
    if said is None:
        assert usage.raw is None
        assert usage.input_tokens is None
        return
    read = said.get("prompt_tokens_details") or {}
    written = said.get("completion_tokens_details") or {}
    beside = said["total_tokens"] - said["prompt_tokens"] - said["completion_tokens"]
    assert usage.raw == said
    assert usage.input_tokens == said["prompt_tokens"]
    assert usage.output_tokens == said["completion_tokens"] + beside
    assert usage.cache_read_tokens == read.get("cached_tokens")
    assert usage.reasoning_tokens == written.get("reasoning_tokens")


def assert_whole_reply(provider, head, body):
    """
    Decode a reply and compare it with its JSON.
    """
    response = provider.decode(REQUEST, HTTPReply(head, body))
    reply = json.loads(body)
    assert_same(response, naive.read_reply(reply))
    assert_same_usage(response.usage, reply.get("usage"))
    assert response.id == (reply["id"] or None)
    assert response.model == reply["model"]
    kept = naive.leaves(response.model_dump(exclude={"raw"}))
    lost = naive.leaves(naive.without(reply, *SAID_OTHERWISE)) - kept
    alternatives = naive.leaves([naive.without(choice, "message") for choice in reply["choices"][1:]])
    assert lost <= alternatives


def assert_stream(provider, head, body):
    """
    Decode a stream and compare it with the JSON of its chunks.
    """
    chunks = naive.chunks_of(body)
    events = play(provider.decoder(REQUEST, head), [body])
    response = built(events)
    assert_same(response, naive.read_stream(chunks))
    assert_same_usage(response.usage, naive.last_usage(chunks))
    assert response.id == next((chunk["id"] for chunk in chunks if chunk["id"]), None)
    kept = naive.leaves(response.model_dump())
    assert naive.leaves(naive.without(list(naive.beside_text(chunks)), *SAID_OTHERWISE)) <= kept
    return events


@pytest.mark.parametrize("file", recorded.files(is_chat))
def test_recorded_replies_lose_nothing(shared_folder, provider, file):
    """
    A recorded reply, whole or streamed, decodes into what a naive reading of its JSON finds, and no value is lost.
    """
    for one in recorded.chats(file):
        if one.response.status != 200 or naive.error_of(one.response.body):
            continue
        check = assert_stream if is_stream(one.response) else assert_whole_reply
        check(provider(file), head_of(one.response), one.response.body)


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_chat(entry) and "stream" in entry["tags"]))
def test_recorded_streams_may_be_cut_anywhere(shared_folder, provider, file):
    """
    However the bytes of a recorded stream arrive, the events are the same.
    """
    for one in recorded.chats(file):
        head, body = head_of(one.response), one.response.body
        if not is_stream(one.response):
            continue
        whole = played_out(provider(file).decoder(REQUEST, head), [body])
        for seed in range(3):
            assert played_out(provider(file).decoder(REQUEST, head), cut(body, seed)) == whole


@pytest.mark.parametrize("file", recorded.files(is_chat, named="tool_use_failed_error_streaming"))
def test_recorded_errors_inside_a_stream_are_raised(shared_folder, provider, file):
    """
    An error inside a stream that began with 200 is raised after the events before it, with the vendor's own status.
    """
    failed = [one.response for one in recorded.chats(file) if naive.error_of(one.response.body)]
    assert failed
    for response in failed:
        said = naive.error_of(response.body)
        *events, error = played_out(provider(file).decoder(REQUEST, head_of(response)), [response.body])
        assert error == (CLASSES[said["status_code"]], said["message"], said["status_code"], said["code"])
        chunks = [chunk for chunk in naive.chunks_of(response.body) if "error" not in chunk]
        assert _joined(built(events).message, ReasoningPart) == naive.read_stream(chunks)[0].reasoning


@pytest.mark.parametrize("path", recorded.fixtures("openai-chat", "groq", "openai-compatible", suffix=".chunks.txt"))
def test_recorded_chunks_lose_nothing(shared_folder, provider, path):
    """
    Chunks that were recorded one a line decode as the stream that they were.
    """
    lines = path.read_bytes().splitlines()
    body = b"".join(b"data: " + line + b"\n\n" for line in lines if line) + b"data: [DONE]\n\n"
    assert_stream(provider(path.parent.name), ReplyHead(200, {}), body)


@pytest.mark.parametrize("path", recorded.fixtures("openai-chat", "groq", "openai-compatible", suffix=".json"))
def test_recorded_bodies_lose_nothing(shared_folder, provider, path):
    """
    Bodies that were recorded without their requests decode like all others.
    """
    assert_whole_reply(provider(path.parent.name), ReplyHead(200, {}), path.read_bytes())


@pytest.mark.parametrize("file", recorded.files(is_refused))
def test_recorded_errors_have_the_class_of_their_status(shared_folder, provider, file):
    """
    A recorded error becomes the class of its status, and says what the vendor said.
    """
    for one in recorded.interactions(file):
        if one.response.status < 400:
            continue
        error = provider(file).error(HTTPReply(head_of(one.response), one.response.body))
        assert isinstance(error, CLASSES[one.response.status])
        assert isinstance(error, ProviderError)
        assert error.status == one.response.status
        assert error.retryable == (one.response.status == 429)
        assert_says(error, one.response)


def assert_says(error, response):
    """
    Find the vendor's words in an error.
    """
    said = response.json()["error"]
    said = {"message": said} if isinstance(said, str) else said
    assert " ".join(said["message"].split())[:400] in str(error)
    assert error.code == (said.get("code") or said.get("type"))
    assert error.param == said.get("param")
    asked = {name: values for name, values in response.headers.items() if name in ("x-request-id", "retry-after")}
    if "x-request-id" in asked:
        assert error.request_id == asked["x-request-id"][-1]
    if "retry-after" in asked:
        assert error.retry_after == float(asked["retry-after"][-1])


@pytest.mark.parametrize("file", recorded.files(is_embedding))
def test_recorded_embeddings_are_read_in_both_forms(shared_folder, provider, file):
    """
    Recorded vectors, as numbers or in base64, are the numbers that a naive reading finds.
    """
    for one in recorded.interactions(file):
        if one.response.status != 200 or not recorded.ends_with(one.request.url, "/embeddings"):
            continue
        asked, said = one.request.json(), one.response.json()
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        count = 1 if texts and isinstance(texts[0], int) else len(texts)
        request = EmbeddingRequest(model=asked["model"], texts=("text",) * count)
        response = provider(file).decode_embedding(request, HTTPReply(head_of(one.response), one.response.body))
        assert list(response.vectors) == [naive_vector(row["embedding"]) for row in said["data"]]
        assert response.usage.input_tokens == said["usage"]["prompt_tokens"]
        assert response.model == said["model"]


def naive_vector(embedding):
    """
    Read a vector as the API description says: numbers, or little-endian floats in base64.
    """
    if isinstance(embedding, str):
        data = base64.b64decode(embedding)
        return struct.unpack(f"<{len(data) // 4}f", data)
    return tuple(embedding)
