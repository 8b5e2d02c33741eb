from __future__ import annotations

import json

import pytest

from budwood.errors import NotFoundError
from budwood.types import EmbeddingRequest, HTTPReply
from tests.contract import descriptions, naive, naive_ollama, recorded
from tests.contract.replay import REQUEST, build, decode_stream, parse_head, split

NOT_COMPARED = ("role", "done", "index")
"""Fields that are not compared: role, end mark, and a number that becomes a position."""

FINISH = {"stop": "stop", "length": "length"}


def match_endpoints(*endings):
    """
    Return a function that returns whether an exchange is of these endpoints.
    """
    return lambda entry: any(recorded.ends_with(entry["url"], ending) for ending in endings)


is_chat = match_endpoints("/api/chat")
is_embedding = match_endpoints("/api/embed", "/api/embeddings")


def is_answered(entry):
    """
    Return whether an exchange is a chat with a reply.
    """
    return is_chat(entry) and entry["status"] == 200


def make_reply(one):
    """
    Return a recorded reply as a transport would.
    """
    return HTTPReply(parse_head(one.response), one.response.body)


@pytest.fixture(scope="session")
def ollama_schemas(shared_folder):
    """
    Ollama's description of its API, relaxed to accept what servers and clients send.
    """
    return descriptions.load(shared_folder / "specs" / "ollama" / "openapi.yaml")


def assert_nothing_lost(response, lines):
    """
    Compare a response with the naive reading. Only the time of the last line is compared.
    """
    reading = naive_ollama.read_reply(lines)
    assert (response.text, response.reasoning) == (reading.text, reading.reasoning)
    calls = [(call.id, call.name, json.loads(call.arguments)) for call in response.tool_calls]
    assert calls == reading.calls
    assert response.raw_finish_reason == reading.finish
    assert response.finish_reason == ("tool_calls" if calls else FINISH[reading.finish])
    assert response.usage.input_tokens == reading.last.get("prompt_eval_count")
    assert response.usage.output_tokens == reading.last["eval_count"]
    assert response.metadata["total_duration"] == reading.last["total_duration"]
    retained = naive.list_leaves(response.model_dump(exclude={"raw"})) | {
        leaf for call in response.tool_calls for leaf in naive.list_leaves(json.loads(call.arguments))
    }
    others = [naive.remove_fields(line, "created_at", "content", "thinking", *NOT_COMPARED) for line in lines]
    assert naive.list_leaves([*others, {"created_at": reading.last["created_at"]}]) <= retained


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_replies(ledger, ollama, file):
    """
    A decoded reply equals the naive reading, and loses no value.
    """
    for one in recorded.select_exchanges(file, is_answered):
        reply, lines = make_reply(one), naive_ollama.split_lines(one.response.body)
        if len(lines) == 1:
            assert_nothing_lost(ollama().decode(REQUEST, reply), lines)
        assert_nothing_lost(build(decode_stream(ollama().decoder(REQUEST, reply.head), [reply.body])), lines)
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_streams_in_any_split(shared_folder, ollama, file):
    """
    The events do not depend on how the bytes are split; a complete reply is a stream of one line.
    """
    for one in recorded.select_exchanges(file, is_answered):
        reply = make_reply(one)
        expected = decode_stream(ollama().decoder(REQUEST, reply.head), [reply.body])
        for seed in range(5):
            assert decode_stream(ollama().decoder(REQUEST, reply.head), split(reply.body, seed)) == expected


@pytest.mark.parametrize("file", recorded.list_files(lambda entry: is_chat(entry) and entry["status"] == 404))
def test_missing_model(ledger, ollama, file):
    """
    The error has Ollama's message, and a hint to pull the model.
    """
    (one,) = recorded.read_exchanges(file)
    error = ollama().error(make_reply(one))

    assert type(error) is NotFoundError
    assert (error.message, error.status) == (one.response.json()["error"], 404)
    assert f"ollama pull {one.request.json()['model']}" in str(error)
    ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_embedding))
def test_recorded_embeddings(ledger, ollama, file):
    """
    Requests for embeddings and decoded vectors are as recorded.
    """
    provider = ollama(embeddings_endpoint="embeddings")
    for one in recorded.select_exchanges(file, is_embedding):
        payload = naive_ollama.canonicalize(one.request.json())
        request = EmbeddingRequest(model=payload["model"], texts=(payload["prompt"],))
        response = provider.decode_embedding(request, make_reply(one))
        assert list(response.vectors) == [tuple(one.response.json()["embedding"])]
        assert response.usage.input_tokens is None
        assert json.loads(provider.encode_embedding(request).body) == payload
        ledger.record_decoded(one)
        ledger.record_encoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_chat))
def test_recorded_requests(ledger, ollama, ollama_schemas, file):
    """
    A converted request is encoded as recorded, except for empty values, and matches the description of the API.
    """
    for one in recorded.select_exchanges(file, is_chat):
        payload = one.request.json()
        request = naive_ollama.read_request(payload)
        assert request.extra == {}
        call = ollama().encode(request, stream=payload["stream"])
        assert call.url.endswith("/api/chat")
        assert call.adaptations == ()
        assert json.loads(call.body) == naive_ollama.canonicalize(payload)
        assert ollama_schemas.problems("ChatRequest", json.loads(call.body)) == []
        ledger.record_encoded(one)
