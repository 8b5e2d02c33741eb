from __future__ import annotations

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import BadResponseError, ServerError
from budwood.types import EmbeddingRequest, HTTPReply, ReplyHead
from budwood_openai_compatible.services import parse_vector


def make_reply(body):
    """
    Create a reply with a JSON body.
    """
    return HTTPReply(ReplyHead(200, {"x-request-id": "req_1"}), json.dumps(body).encode())


def embed(provider, rows, count=2, **more):
    """
    Decode embeddings of a number of texts.
    """
    request = EmbeddingRequest(model="m", texts=("text",) * count)
    return provider.decode_embedding(request, make_reply({"data": rows, **more}))


def test_embedding_request(new_provider):
    """
    Texts are sent as a list, and vectors are requested as numbers.
    """
    request = EmbeddingRequest(model="m", texts=("a", "b"), dimensions=3, extra={"user": "u"})
    call = new_provider().encode_embedding(request)

    assert (call.method, call.url) == ("POST", "http://localhost:8000/v1/embeddings")
    assert json.loads(call.body) == {
        "model": "m",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 3,
        "user": "u",
    }


def test_vectors_are_sorted_by_index(new_provider):
    """
    Vectors are in the order of their indexes.
    """
    rows = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    response = embed(new_provider(), rows, model="other", usage={"prompt_tokens": 4, "total_tokens": 4})

    assert response.vectors == ((1.0,), (2.0,))
    assert (response.model, response.usage.input_tokens, response.request_id) == ("other", 4, "req_1")


@pytest.mark.parametrize("index", [{}, {"index": None}])
def test_vectors_without_index_keep_their_order(new_provider, index):
    """
    Without indexes, the order of the list is used.
    """
    assert embed(new_provider(), [{"embedding": [n], **index} for n in (1.0, 2.0)]).vectors == ((1.0,), (2.0,))


@pytest.mark.parametrize("rows", [None, [], [{"index": 0, "embedding": [1.0]}]])
def test_missing_vector_is_an_error(new_provider, rows):
    """
    A text without a vector is an error.
    """
    with pytest.raises(BadResponseError, match="for 2 texts"):
        embed(new_provider(), rows)


@pytest.mark.parametrize("row", [{}, {"embedding": None}, {"embedding": {"0": 1}}])
def test_row_without_a_vector_is_an_error(new_provider, row):
    """
    A row without a vector is an error.
    """
    with pytest.raises(BadResponseError, match="embedding"):
        embed(new_provider(), [row], count=1)


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=8))
def test_base64_vectors(numbers):
    """
    Vectors in base64 are little-endian 32-bit floats.
    """
    written = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()

    assert parse_vector(written) == tuple(numbers)


@pytest.mark.parametrize(
    "wrap", [lambda rows: {"object": "list", "data": rows}, lambda rows: rows, lambda rows: {"models": rows}]
)
def test_lists_of_models(new_provider, wrap):
    """
    The list is decoded from OpenAI's envelope, without an envelope (Together), and from the field ``models``.
    """
    rows = [
        {"id": "a", "created": 1, "owned_by": "me", "context_length": 4096},
        {"id": "b", "created": None, "max_model_len": 8192},
        {"name": "c", "context_window": 16},
    ]
    models = new_provider().decode_models(make_reply(wrap(rows)))

    assert [(model.id, model.context_window) for model in models] == [("a", 4096), ("b", 8192), ("c", 16)]
    assert (models[0].created, models[0].owned_by, models[1].created) == (1, "me", None)
    assert models[2].raw == rows[2]


def test_no_models_is_an_empty_list(new_provider):
    """
    A server without models is not an error.
    """
    assert new_provider().decode_models(make_reply({"data": []})) == ()


@pytest.mark.parametrize("body", [{}, {"data": None}, "text", 1])
def test_other_body_is_not_a_list_of_models(new_provider, body):
    """
    A body that is not a list of models is an error.
    """
    with pytest.raises(BadResponseError, match="list of models"):
        new_provider().decode_models(make_reply(body))


def test_error_in_place_of_models_is_raised(new_provider):
    """
    An error with status 200 is raised.
    """
    with pytest.raises(ServerError, match="It broke"):
        new_provider().decode_models(make_reply({"error": {"message": "It broke."}}))


def test_models_request(new_provider):
    """
    The list is requested from the same base URL as chats.
    """
    call = new_provider().encode_models()

    assert (call.method, call.url, call.body) == ("GET", "http://localhost:8000/v1/models", b"")
