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


def reply_of(body):
    """
    Make a reply of JSON.
    """
    return HTTPReply(ReplyHead(200, {"x-request-id": "req_1"}), json.dumps(body).encode())


def embedded(provider, rows, count=2, **more):
    """
    Read embeddings of so many texts.
    """
    request = EmbeddingRequest(model="m", texts=("text",) * count)
    return provider.decode_embedding(request, reply_of({"data": rows, **more}))


def test_a_request_for_embeddings(speaker):
    """
    Texts go as a list, and numbers are wanted.
    """
    request = EmbeddingRequest(model="m", texts=("a", "b"), dimensions=3, extra={"user": "u"})
    call = speaker().encode_embedding(request)

    assert (call.method, call.url) == ("POST", "http://localhost:8000/v1/embeddings")
    assert json.loads(call.body) == {
        "model": "m",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 3,
        "user": "u",
    }


def test_vectors_stand_in_the_order_of_the_texts(speaker):
    """
    The index decides, not the place in the list.
    """
    rows = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    response = embedded(speaker(), rows, model="said", usage={"prompt_tokens": 4, "total_tokens": 4})

    assert response.vectors == ((1.0,), (2.0,))
    assert (response.model, response.usage.input_tokens, response.request_id) == ("said", 4, "req_1")


@pytest.mark.parametrize("index", [{}, {"index": None}])
def test_vectors_without_index_stand_as_they_came(speaker, index):
    """
    Where no index is given the place in the list counts.
    """
    assert embedded(speaker(), [{"embedding": [n], **index} for n in (1.0, 2.0)]).vectors == ((1.0,), (2.0,))


@pytest.mark.parametrize("rows", [None, [], [{"index": 0, "embedding": [1.0]}]])
def test_a_vector_too_few_is_an_error(speaker, rows):
    """
    A text without a vector is never passed over.
    """
    with pytest.raises(BadResponseError, match="for 2 texts"):
        embedded(speaker(), rows)


@pytest.mark.parametrize("row", [{}, {"embedding": None}, {"embedding": {"0": 1}}])
def test_a_row_without_vector_is_an_error(speaker, row):
    """
    What is no vector is not made one.
    """
    with pytest.raises(BadResponseError, match="embedding"):
        embedded(speaker(), [row], count=1)


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=8))
def test_base64_holds_the_same_numbers(numbers):
    """
    Vectors in base64 are little-endian floats of 32 bits.
    """
    written = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()

    assert parse_vector(written) == tuple(numbers)


@pytest.mark.parametrize(
    "wrap", [lambda rows: {"object": "list", "data": rows}, lambda rows: rows, lambda rows: {"models": rows}]
)
def test_lists_of_models(speaker, wrap):
    """
    The list is read in OpenAI's envelope, bare (Together), and under ``models``.
    """
    rows = [
        {"id": "a", "created": 1, "owned_by": "me", "context_length": 4096},
        {"id": "b", "created": None, "max_model_len": 8192},
        {"name": "c", "context_window": 16},
    ]
    models = speaker().decode_models(reply_of(wrap(rows)))

    assert [(model.id, model.context_window) for model in models] == [("a", 4096), ("b", 8192), ("c", 16)]
    assert (models[0].created, models[0].owned_by, models[1].created) == (1, "me", None)
    assert models[2].raw == rows[2]


def test_no_models_is_an_empty_list(speaker):
    """
    A server without models is no error.
    """
    assert speaker().decode_models(reply_of({"data": []})) == ()


@pytest.mark.parametrize("body", [{}, {"data": None}, "text", 1])
def test_what_is_no_list_of_models_is_an_error(speaker, body):
    """
    Another page is not taken for an empty list.
    """
    with pytest.raises(BadResponseError, match="list of models"):
        speaker().decode_models(reply_of(body))


def test_an_error_in_place_of_models_is_an_error(speaker):
    """
    A status of 200 does not make a list of an error.
    """
    with pytest.raises(ServerError, match="It broke"):
        speaker().decode_models(reply_of({"error": {"message": "It broke."}}))


def test_the_request_for_models(speaker):
    """
    The list is asked for beside the chats.
    """
    call = speaker().encode_models()

    assert (call.method, call.url, call.body) == ("GET", "http://localhost:8000/v1/models", b"")
