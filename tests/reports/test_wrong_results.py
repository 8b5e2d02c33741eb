"""Wrong results: embeddings out of order, and cached replies to another request."""

from __future__ import annotations

import pytest

from budwood_testing import chat_reply

EMBEDDER = "openai/text-embedding-3-small"


@pytest.mark.report("pydantic/pydantic-ai#7284", outcome="right")
@pytest.mark.report("getzep/graphiti#1732", outcome="right")
def test_vectors_are_in_the_order_of_their_texts(scripted, make_client):
    """
    Embeddings are assigned to texts by index, even if the server sends them out of order.
    """
    items = [{"index": index, "object": "embedding", "embedding": [float(index), 0.5]} for index in (2, 0, 1)]
    scripted.reply(200, {"data": items, "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}})

    vectors = make_client(EMBEDDER).embed(["cat", "dog", "bird"], extra={"encoding_format": "float"}).vectors

    assert [vector[0] for vector in vectors] == [0.0, 1.0, 2.0]


@pytest.mark.report("567-labs/instructor#2585", outcome="right")
@pytest.mark.report("openclaw/lobster#129", outcome="right")
@pytest.mark.report("SynapseKit/SynapseKit#774", outcome="right")
@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0.9},
        {"max_tokens": 16},
        {"top_p": 0.5},
        {"seed": 7},
        {"stop": ["."]},
        {"system": "Be rude."},
        {"extra": {"presence_penalty": 1}},
    ],
)
def test_the_cache_key_contains_all_parameters(changed, scripted, make_client):
    """
    A call is not answered from the cache if any parameter differs.
    """
    scripted.reply(200, chat_reply("first")).reply(200, chat_reply("second"))
    client = make_client("openai/gpt-4.1", api="chat", cache="memory")

    texts = [client.ask("Hi", **options).text for options in ({}, {}, changed, changed)]

    assert texts == ["first", "first", "second", "second"]
    assert len(scripted.calls) == 2
