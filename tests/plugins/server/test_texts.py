"""``/v1/embeddings``, ``/v1/completions`` and ``/v1/moderations``."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from tests.servers import EVENT_STREAM, reply

USAGE = {"prompt_tokens": 3, "total_tokens": 3}


def embeddings(*vectors):
    """
    Return a reply with vectors.
    """
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return reply(body={"object": "list", "data": data, "model": "e-1", "usage": USAGE})


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_embeddings(vendor, gateway, encoding):
    """
    Vectors are lists of numbers, or little-endian floats of 32 bits in base64.
    """
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    vendor.play(embeddings(packed if encoding == "base64" else [0.5, -1.0]))
    fields = {} if encoding is None else {"encoding_format": encoding}

    received = gateway.post("/v1/embeddings", {"model": "fast", "input": "Hi", "dimensions": 2, "user": "u", **fields})

    assert received.json == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": packed if encoding == "base64" else [0.5, -1.0]},
        ],
        "model": "e-1",
        "usage": USAGE,
    }
    assert vendor.requests[0].json == {
        "model": "m",
        "input": ["Hi"],
        "encoding_format": encoding or "float",
        "dimensions": 2,
        "user": "u",
    }


@pytest.mark.parametrize(("language", "is_text"), [("python", False), ("js", True)])
def test_vendors_that_ignore_base64(vendor, gateway, language, is_text):
    """
    OpenAI's SDK for Python gets the numbers as the vendor sent them; all other clients get what they asked for.
    """
    vendor.play(embeddings([0.5, -1.0]))

    received = gateway.post(
        "/v1/embeddings", {"model": "fast", "input": "Hi", "encoding_format": "base64"}, x_stainless_lang=language
    )

    assert isinstance(received.json["data"][0]["embedding"], str) == is_text


@pytest.mark.parametrize(("given", "count"), [(["a", "b"], 2), ([1, 2], 1), ([[1], [2]], 2), ("", 1)])
def test_inputs_of_embeddings(vendor, gateway, given, count):
    """
    A vendor of the same API gets texts and tokens as they are.
    """
    vendor.play(embeddings(*[[0.5]] * count))

    received = gateway.post("/v1/embeddings", {"model": "fast", "input": given, "dimensions": 0})

    assert received.status == 200, received.body
    assert vendor.requests[0].json["input"] == given
    assert vendor.requests[0].json["dimensions"] == 0


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("embeddings", {"input": []}, "input"),
        ("embeddings", {"input": [{"text": "x"}]}, "input"),
        ("embeddings", {"input": "x", "encoding_format": "hex"}, "encoding_format"),
        ("completions", {"prompt": [None]}, "prompt"),
        ("moderations", {"input": 5}, "input"),
        ("moderations", {"input": [{"type": "audio"}]}, "input[0]"),
    ],
)
def test_wrong_inputs_are_named(vendor, gateway, path, fields, param):
    """
    The error has the field, and nothing is sent.
    """
    received = gateway.post(f"/v1/{path}", {"model": "fast", **fields})

    assert (received.status, received.json["error"]["param"]) == (400, param)
    assert vendor.requests == []


def completion(*texts, **fields):
    """
    Return a reply with one choice for each text.
    """
    choices = [
        {"text": text, "index": index, "logprobs": None, "finish_reason": "length"} for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = {"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "m-1", "choices": choices}
    return reply(body=body | {"usage": usage} | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "Once", "max_tokens": 5, "temperature": 0, "stop": ["."]},
        {"prompt": ["a", "b"], "n": 1, "best_of": 2, "echo": True, "suffix": "!", "logprobs": 0, "max_tokens": 0},
        {"prompt": [1, 2], "logit_bias": {}, "user": "u", "seed": 0},
        {"prompt": ""},
    ],
)
def test_completions(vendor, gateway, fields):
    """
    A vendor of the same API gets every field, and its choices are returned.
    """
    vendor.play(completion("one", "two", system_fingerprint="fp"))

    received = gateway.post("/v1/completions", {"model": "fast", **fields})

    assert vendor.requests[0].json == {"model": "m", **fields}
    assert received.json == json.loads(completion("one", "two", system_fingerprint="fp").partition(b"\r\n\r\n")[2])


def test_completions_are_streamed(vendor, gateway):
    """
    The chunks have texts, then a finish reason, and usage if it is asked for.
    """
    chunks = [
        {"id": "cmpl-1", "model": "m-1", "choices": [{"text": "Hi", "index": 0, "finish_reason": None}]},
        {"id": "cmpl-1", "model": "m-1", "choices": [{"text": "", "index": 0, "finish_reason": "stop"}]},
        {"id": "cmpl-1", "model": "m-1", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
    ]
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in chunks)
    vendor.play(reply(body=f"{body}data: [DONE]\n\n", **EVENT_STREAM))

    *received, usage, done = gateway.post(
        "/v1/completions",
        {"model": "fast", "prompt": "Once", "stream": True, "stream_options": {"include_usage": True}},
    ).events

    assert [each["choices"][0]["text"] for each in received] == ["Hi", ""]
    assert received[-1]["choices"][0]["finish_reason"] == "stop"
    assert (usage["choices"], usage["usage"]["total_tokens"], done) == ([], 2, "[DONE]")
    assert {each["object"] for each in received} == {"text_completion"}


def test_chat_models_answer_the_prompt(vendor, gateway):
    """
    A model that only chats gets the prompt as a message, and ``echo`` repeats it.
    """
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": " upon a time"}],
    }
    usage = {"input_tokens": 3, "output_tokens": 2}
    vendor.play(reply(body=body | {"model": "claude-haiku-4-5", "stop_reason": "end_turn", "usage": usage}))

    received = gateway.post("/v1/completions", {"model": "claude", "prompt": "Once", "echo": True, "max_tokens": 5})

    assert vendor.requests[0].json["messages"] == [{"role": "user", "content": "Once"}]
    choice = received.json["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("Once upon a time", "stop")


@pytest.mark.parametrize("field", ["best_of", "n", "logprobs", "suffix"])
def test_chat_models_have_no_equivalent_for_some_fields(vendor, gateway, field):
    """
    The error names the field.
    """
    received = gateway.post("/v1/completions", {"model": "claude", "prompt": "Once", field: 2})

    assert (received.status, received.json["error"]["param"]) == (400, field)


def test_moderations_without_a_model(vendor, gateway):
    """
    The default of OpenAI is asked at the provider with its API, although no catalog lists it.
    """
    vendor.play(reply(body={"id": "modr-1", "model": "omni-moderation-latest", "results": []}))

    gateway.post("/v1/moderations", {"input": "Hi"})

    assert vendor.requests[0].json["model"] == "omni-moderation-latest"


def test_moderations(vendor, gateway):
    """
    Texts and images are classified, and the categories are those of the vendor.
    """
    result = {
        "flagged": True,
        "categories": {"violence": True},
        "category_scores": {"violence": 0.9},
        "category_applied_input_types": {"violence": ["text"]},
    }
    vendor.play(reply(body={"id": "modr-1", "model": "omni", "results": [result]}), times=2)
    parts = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]

    text = gateway.post("/v1/moderations", {"model": "fast", "input": "x"})
    mixed = gateway.post("/v1/moderations", {"model": "fast", "input": parts})

    assert text.json == mixed.json == {"id": "modr-1", "model": "omni", "results": [result]}
    assert [request.json["input"] for request in vendor.requests] == ["x", parts]
