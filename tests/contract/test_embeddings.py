from __future__ import annotations

import base64
import json
import struct

import pytest

from budwood.types import EmbeddingRequest, HTTPReply, ReplyHead
from tests.contract import recorded
from tests.contract.replay import assert_quotes, parse_head


def is_embedding(entry):
    """
    Return whether an exchange is an embedding.
    """
    return recorded.ends_with(entry["url"], "/v1/embeddings")


def is_embedded(entry):
    """
    Return whether an exchange is an embedding with a reply.
    """
    return is_embedding(entry) and entry["status"] == 200


def is_error(entry):
    """
    Return whether an exchange is an embedding with an error.
    """
    return is_embedding(entry) and entry["status"] >= 400


def read_request(body):
    """
    Convert a recorded body: a text, a list of texts, or tokens, which go into ``extra``.
    """
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    rows = [inputs] if isinstance(inputs[0], int) else inputs
    is_text = all(isinstance(row, str) for row in rows)
    return EmbeddingRequest(
        model=body["model"],
        texts=tuple(rows) if is_text else ("",) * len(rows),
        dimensions=body.get("dimensions"),
        extra={} if is_text else {"input": body["input"]},
    )


def canonicalize(body):
    """
    Return a body in a form in which equal requests are equal.

    One text is a list of one, and the format of the vectors is not compared.
    """
    body = {name: value for name, value in body.items() if name != "encoding_format"}
    return body | {"input": [body["input"]] if isinstance(body["input"], str) else body["input"]}


def read_vector(embedding):
    """
    Read a vector: a list of numbers, or little-endian floats in base64.
    """
    if isinstance(embedding, str):
        data = base64.b64decode(embedding)
        return struct.unpack(f"<{len(data) // 4}f", data)
    return tuple(embedding)


def assert_vectors(provider, request, head, body):
    """
    Decode vectors, and compare them with their JSON.
    """
    payload = json.loads(body)
    response = provider.decode_embedding(request, HTTPReply(head, body))
    assert list(response.vectors) == [read_vector(row["embedding"]) for row in payload["data"]]
    assert response.usage.input_tokens == payload["usage"]["prompt_tokens"]
    assert response.usage.raw == payload["usage"]
    assert response.model == payload["model"]


@pytest.mark.parametrize("file", recorded.list_files(is_embedded, "openai-embeddings"))
def test_recorded_vectors(ledger, openai, file):
    """
    Vectors as numbers or base64 equal the naive reading.
    """
    for one in recorded.select_exchanges(file, is_embedded):
        assert_vectors(openai(), read_request(one.request.json()), parse_head(one.response), one.response.body)
        ledger.record_decoded(one)


@pytest.mark.parametrize("path", recorded.list_fixtures("openai-embeddings", suffix=".json"))
def test_recorded_vectors_without_requests(ledger, openai, path):
    """
    Vectors that were recorded without their requests are decoded.
    """
    request = EmbeddingRequest(model="recorded", texts=("text",) * len(json.loads(path.read_bytes())["data"]))
    assert_vectors(openai(), request, ReplyHead(200, {}), path.read_bytes())
    ledger.record_decoded(path)


@pytest.mark.parametrize("file", recorded.list_files(is_error, "openai-embeddings"))
def test_recorded_errors(ledger, openai, file):
    """
    A recorded error has the vendor's message, code and parameter, and is not retryable.
    """
    for one in recorded.select_exchanges(file, is_error):
        error = openai().error(HTTPReply(parse_head(one.response), one.response.body))
        assert (error.status, error.retryable) == (one.response.status, False)
        assert_quotes(error, one.response)
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_embedding, "openai-embeddings"))
def test_recorded_requests(ledger, openai, openai_schemas, file):
    """
    A converted request is encoded as recorded, and matches the description of the API if the recorded one does.
    """
    for one in recorded.select_exchanges(file, is_embedding):
        payload = one.request.json()
        request = read_request(payload)
        call = openai().encode_embedding(request)
        assert call.url == one.request.url
        assert canonicalize(json.loads(call.body)) == canonicalize(payload)
        if not openai_schemas.problems("CreateEmbeddingRequest", payload):
            assert openai_schemas.problems("CreateEmbeddingRequest", json.loads(call.body)) == []
        ledger.record_encoded(one, extra=request.extra)
