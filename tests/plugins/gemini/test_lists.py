from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ServerError
from budwood.types import ChatRequest, EmbeddingRequest, HTTPReply, Message, ReplyHead, ToolDefinition

HEAD = ReplyHead(200, {})
BASE = "https://generativelanguage.googleapis.com/v1beta"


def reply(body):
    """
    Create a reply with status 200.
    """
    return HTTPReply(HEAD, json.dumps(body).encode())


def test_one_text_is_embedded(gemini):
    """
    With ``embedContent``, the dimensions and the vendor's own parameters.
    """
    request = EmbeddingRequest(model="embed-1", texts=("a",), dimensions=3, extra={"taskType": "RETRIEVAL_QUERY"})
    call = gemini().encode_embedding(request)

    assert call.url == f"{BASE}/models/embed-1:embedContent"
    assert json.loads(call.body) == {
        "model": "models/embed-1",
        "content": {"parts": [{"text": "a"}]},
        "outputDimensionality": 3,
        "taskType": "RETRIEVAL_QUERY",
    }
    response = gemini().decode_embedding(request, reply({"embedding": {"values": [1, 0.5]}}))
    assert response.vectors == ((1.0, 0.5),)
    assert response.usage.input_tokens is None


def test_several_texts_are_embedded_in_one_request(gemini):
    """
    With ``batchEmbedContents``; the vectors are in the order of the texts.
    """
    request = EmbeddingRequest(model="embed-1", texts=("a", "b"))
    call = gemini().encode_embedding(request)
    assert call.url == f"{BASE}/models/embed-1:batchEmbedContents"
    assert [row["content"]["parts"] for row in json.loads(call.body)["requests"]] == [[{"text": "a"}], [{"text": "b"}]]

    payload = {"embeddings": [{"values": [1.0]}, {"values": [2.0]}], "usageMetadata": {"promptTokenCount": 2}}
    response = gemini().decode_embedding(request, reply(payload))
    assert response.vectors == ((1.0,), (2.0,))
    assert (response.usage.input_tokens, response.model) == (2, "embed-1")
    with pytest.raises(BadResponseError, match="1 vectors for 2 texts"):
        gemini().decode_embedding(request, reply({"embeddings": [{"values": [1.0]}]}))


def test_the_complete_request_is_counted(gemini):
    """
    Including instruction and tools.
    """
    tool = ToolDefinition(name="a", parameters={"type": "object"})
    request = ChatRequest(model="gemini-9", messages=(Message.system("Be brief."), Message.user("Hi")), tools=(tool,))
    call = gemini().encode_token_count(request)

    assert call.url == f"{BASE}/models/gemini-9:countTokens"
    counted = json.loads(call.body)["generateContentRequest"]
    assert counted == {"model": "models/gemini-9", **json.loads(gemini().encode(request, stream=False).body)}
    assert gemini().decode_token_count(request, reply({"totalTokens": 31})) == 31
    with pytest.raises(BadResponseError):
        gemini().decode_token_count(request, reply({"totalTokens": "many"}))


def test_models_are_listed_by_their_short_names(gemini):
    """
    Names have no prefix.
    """
    call = gemini().encode_models()
    assert (call.method, call.url, call.body) == ("GET", f"{BASE}/models?pageSize=1000", b"")

    row = {"name": "models/gemini-9", "inputTokenLimit": 1000, "supportedGenerationMethods": ["generateContent"]}
    (model,) = gemini().decode_models(reply({"models": [row]}))
    assert (model.id, model.owned_by, model.context_window, model.raw) == ("gemini-9", "google", 1000, row)


@pytest.mark.parametrize("payload", [[1], "no", None])
def test_a_reply_must_be_an_object(gemini, payload):
    """
    Other JSON raises BadResponseError.
    """
    with pytest.raises(BadResponseError, match="not a JSON object"):
        gemini().decode_models(reply(payload))


def test_errors_inside_a_200_are_raised_for_lists(gemini):
    """
    A reply with status 200 may contain an error.
    """
    with pytest.raises(ServerError, match="Oh no"):
        gemini().decode_models(reply([{"error": {"message": "Oh no"}}]))
