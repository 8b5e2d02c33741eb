from __future__ import annotations

import asyncio
import json

import pytest

from budwood import AsyncClient
from budwood.errors import BadResponseError, NotFoundError, UnsupportedError
from budwood.types import EmbeddingRequest, HTTPReply, ModelInfo, ReplyHead
from budwood_testing import ScriptedReply

TAGS = {
    "models": [
        {"name": "qwen3:latest", "model": "qwen3:latest", "size": 5, "details": {"family": "qwen3"}},
        {"name": "gone:1b", "model": "gone:1b", "size": 6},
    ]
}
SHOWN = {
    "details": {"family": "qwen3", "parent_model": ""},
    "model_info": {"general.architecture": "qwen3", "clip.context_length": 77, "qwen3.context_length": 40960},
    "capabilities": ["completion", "tools", "thinking"],
}


def reply(body, status=200):
    """
    Return a body in the form of a transport.
    """
    return HTTPReply(ReplyHead(status, {}), json.dumps(body).encode())


@pytest.fixture
def answer_details():
    """
    Answer requests for details of models, in any order.
    """

    def show(call):
        is_removed = json.loads(call.body)["model"] == "gone:1b"
        body = {"error": "model 'gone:1b' not found"} if is_removed else SHOWN
        return ScriptedReply(404 if is_removed else 200, {}, (json.dumps(body).encode(),))

    return show


def test_models_are_listed_with_their_context_windows(make_client, scripted, answer_details):
    """
    Each model is requested for its details; a model that was removed in between has none.
    """
    scripted.reply(body=TAGS).answer(answer_details).answer(answer_details)
    with make_client() as client:
        models = client.models()

    assert [call.url.rpartition("/")[2] for call in scripted.calls] == ["tags", "show", "show"]
    assert [(model.provider, model.id, model.context_window) for model in models] == [
        ("ollama", "qwen3:latest", 40960), ("ollama", "gone:1b", None)
    ]  # fmt: skip
    assert models[0].raw["capabilities"] == ["completion", "tools", "thinking"]
    assert models[0].raw["size"] == 5


def test_models_are_listed_by_the_async_client_too(scripted, clock, answer_details):
    """
    It sends the same requests.
    """
    scripted.reply(body=TAGS).answer(answer_details).answer(answer_details)

    async def listing():
        async with AsyncClient("ollama/qwen3", transport=scripted.asynchronous, clock=clock, cache=False) as client:
            return await client.models()

    assert [model.context_window for model in asyncio.run(listing())] == [40960, None]


def test_a_server_without_models_has_none(make_client, scripted):
    """
    An empty list is not an error.
    """
    scripted.reply(body={"models": []})
    with make_client() as client:
        assert client.models() == ()


@pytest.mark.parametrize(
    ("info", "window"),
    [
        ({"general.architecture": "llama", "llama.context_length": 8192}, 8192),
        ({"bert.context_length": 512}, 512),
        ({"general.architecture": "llama"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_key_of_the_context_window(ollama, info, window):
    """
    It starts with the model's architecture; if it is missing, the window is unknown.
    """
    details = ollama().decode_model(ModelInfo(id="m"), reply({"model_info": info}))

    assert details.context_window == window


@pytest.mark.parametrize("body", [{}, {"models": 7}, []])
def test_an_invalid_list_is_described(ollama, body):
    """
    The error describes the body.
    """
    with pytest.raises(BadResponseError):
        ollama().decode_models(reply(body))


def test_texts_are_embedded_in_one_request(make_client, scripted):
    """
    With the options of the settings and of the call.
    """
    scripted.reply(body={"model": "m", "embeddings": [[0.1, 0.2], [0.3, 0.4]], "prompt_eval_count": 4})
    with make_client("ollama/m") as client:
        embeddings = client.embed(["a", "b"], dimensions=2, extra={"truncate": False, "options": {"num_ctx": 512}})

    assert embeddings.vectors == ((0.1, 0.2), (0.3, 0.4))
    assert (embeddings.provider, embeddings.model, embeddings.usage.input_tokens) == ("ollama", "m", 4)
    assert scripted.calls[0].url.endswith("/api/embed")
    assert scripted.sent() == {
        "model": "m", "input": ["a", "b"], "dimensions": 2, "truncate": False, "options": {"num_ctx": 512}
    }  # fmt: skip


def test_older_servers_embed_one_text(ollama):
    """
    /api/embeddings takes one text and returns one vector; several texts are rejected before sending.
    """
    provider = ollama(embeddings_endpoint="embeddings", keep_alive=60)
    one = EmbeddingRequest(model="m", texts=("a",))
    call = provider.encode_embedding(one)

    assert call.url.endswith("/api/embeddings")
    assert json.loads(call.body) == {"model": "m", "prompt": "a", "keep_alive": "60s"}
    assert provider.decode_embedding(one, reply({"embedding": [1, 2]})).vectors == ((1, 2),)
    with pytest.raises(UnsupportedError, match="one text"):
        provider.encode_embedding(EmbeddingRequest(model="m", texts=("a", "b")))


@pytest.mark.parametrize("body", [{}, {"embeddings": [[1.0], [2.0]]}, {"embeddings": [7]}, {"embedding": "x"}])
def test_invalid_vectors_are_an_error(ollama, body):
    """
    Each text has one vector, a list of numbers.
    """
    with pytest.raises(BadResponseError):
        ollama().decode_embedding(EmbeddingRequest(model="m", texts=("a",)), reply(body))


def test_an_error_inside_a_200_is_raised(ollama):
    """
    Lists and vectors may contain errors, as chats may.
    """
    for decode in (ollama().decode_models, lambda payload: ollama().decode_model(ModelInfo(id="m"), payload)):
        with pytest.raises(NotFoundError):
            decode(reply({"error": "model 'm' not found"}))
