from __future__ import annotations

import json

import pytest

from budwood.errors import NotFoundError
from budwood.types import EmbeddingRequest, HTTPReply
from tests.contract import descriptions, naive, naive_ollama, recorded
from tests.contract.replay import REQUEST, build, parse_head, play, split

SAID_OTHERWISE = ("role", "done", "index")
"""Fields whose values need not be found again: markers of the form, and a number that becomes a position."""

FINISH = {"stop": "stop", "length": "length"}


def of_endpoint(*endings):
    """
    Return a predicate for recorded interactions of these endpoints.
    """
    return lambda entry: any(recorded.ends_with(entry["url"], ending) for ending in endings)


is_chat = of_endpoint("/api/chat")
is_embedding = of_endpoint("/api/embed", "/api/embeddings")


def is_answered(entry):
    """
    Whether a chat was answered.
    """
    return is_chat(entry) and entry["status"] == 200


def reply_of(one):
    """
    Hand a recorded reply over as a transport would.
    """
    return HTTPReply(parse_head(one.response), one.response.body)


@pytest.fixture(scope="session")
def ollama_schemas(shared_folder):
    """
    Ollama's own description of its API, relaxed to what servers and clients really send.
    """
    return descriptions.load(shared_folder / "specs" / "ollama" / "openapi.yaml")


def assert_nothing_lost(response, lines):
    """
    Compare a response with the content of its lines, except the times of all lines but the last.
    """
    reading = naive_ollama.read(lines)
    assert (response.text, response.reasoning) == (reading.text, reading.reasoning)
    calls = [(call.id, call.name, json.loads(call.arguments)) for call in response.tool_calls]
    assert calls == reading.calls
    assert response.raw_finish_reason == reading.finish
    assert response.finish_reason == ("tool_calls" if calls else FINISH[reading.finish])
    assert response.usage.input_tokens == reading.last.get("prompt_eval_count")
    assert response.usage.output_tokens == reading.last["eval_count"]
    assert response.metadata["total_duration"] == reading.last["total_duration"]
    retained = naive.leaves(response.model_dump(exclude={"raw"})) | {
        leaf for call in response.tool_calls for leaf in naive.leaves(json.loads(call.arguments))
    }
    besides = [naive.without(line, "created_at", "content", "thinking", *SAID_OTHERWISE) for line in lines]
    assert naive.leaves([*besides, {"created_at": reading.last["created_at"]}]) <= retained


@pytest.mark.parametrize("file", recorded.files(is_answered))
def test_recorded_replies_lose_nothing(ledger, ollama, file):
    """
    A recorded reply, streamed or not, decodes to the content of its JSON.
    """
    for one in recorded.of(file, is_answered):
        reply, lines = reply_of(one), naive_ollama.lines_of(one.response.body)
        if len(lines) == 1:
            assert_nothing_lost(ollama().decode(REQUEST, reply), lines)
        assert_nothing_lost(build(play(ollama().decoder(REQUEST, reply.head), [reply.body])), lines)
        ledger.has_decoded(one)


@pytest.mark.parametrize("file", recorded.files(is_answered))
def test_recorded_streams_may_be_split_anywhere(shared_folder, ollama, file):
    """
    However the bytes of a recorded reply are split, the events are the same; a complete reply is a stream of one line.
    """
    for one in recorded.of(file, is_answered):
        reply = reply_of(one)
        expected = play(ollama().decoder(REQUEST, reply.head), [reply.body])
        for seed in range(5):
            assert play(ollama().decoder(REQUEST, reply.head), split(reply.body, seed)) == expected


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_chat(entry) and entry["status"] == 404))
def test_a_recorded_missing_model_is_not_found(ledger, ollama, file):
    """
    The error has Ollama's message, and a hint to pull the model.
    """
    (one,) = recorded.interactions(file)
    error = ollama().error(reply_of(one))

    assert type(error) is NotFoundError
    assert (error.message, error.status) == (one.response.json()["error"], 404)
    assert f"ollama pull {one.request.json()['model']}" in str(error)
    ledger.has_decoded(one)


@pytest.mark.parametrize("file", recorded.files(is_embedding))
def test_recorded_embeddings_are_read_and_asked_for_again(ledger, ollama, file):
    """
    The recorded vector is read as it is, and the request is written again as it was.
    """
    provider = ollama(embeddings_endpoint="embeddings")
    for one in recorded.of(file, is_embedding):
        payload = naive_ollama.canonical(one.request.json())
        request = EmbeddingRequest(model=payload["model"], texts=(payload["prompt"],))
        response = provider.decode_embedding(request, reply_of(one))
        assert list(response.vectors) == [tuple(one.response.json()["embedding"])]
        assert response.usage.input_tokens is None
        assert json.loads(provider.encode_embedding(request).body) == payload
        ledger.has_decoded(one)
        ledger.has_written(one)


@pytest.mark.parametrize("file", recorded.files(is_chat))
def test_recorded_requests_are_encoded_again(ledger, ollama, ollama_schemas, file):
    """
    A recorded request is encoded as it was, except for nulls, and matches Ollama's description of its API.
    """
    for one in recorded.of(file, is_chat):
        payload = one.request.json()
        request = naive_ollama.read_request(payload)
        assert request.extra == {}
        call = ollama().encode(request, stream=payload["stream"])
        assert call.url.endswith("/api/chat")
        assert call.adaptations == ()
        assert json.loads(call.body) == naive_ollama.canonical(payload)
        assert ollama_schemas.problems("ChatRequest", json.loads(call.body)) == []
        ledger.has_written(one)
