"""All request bodies of the plugin match Ollama's description of its API."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.types import EmbeddingRequest, ModelInfo, ModelRules
from tests.contract import descriptions, strategies

LEVELS = ModelRules(traits=frozenset({"thinking_levels"}), efforts={"none": "low", "minimal": "low", "xhigh": "high"})
KEEP_ALIVE = st.sampled_from([None, "10m", 300, 0, -1, 0.5])

CHATS = strategies.chats(strategies.messages(strategies.images))


@pytest.fixture(scope="module")
def problems(shared_folder):
    """
    Return a function that validates a body with Ollama's description, relaxed to accept what clients send.
    """
    return descriptions.load(shared_folder / "specs" / "ollama" / "openapi.yaml").problems


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=CHATS, stream=st.booleans(), keep_alive=KEEP_ALIVE, rules=st.sampled_from([ModelRules(), LEVELS]))
def test_chats_match_the_description(ollama, problems, *, request, stream, keep_alive, rules):
    """
    The body of /api/chat matches the description, for any request.
    """
    call = ollama(rules, keep_alive=keep_alive, options={"num_ctx": 8192}).encode(request, stream=stream)

    assert problems("ChatRequest", json.loads(call.body)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(strategies.texts, min_size=1, max_size=3),
    dimensions=st.one_of(st.none(), st.integers(1)),
    keep_alive=KEEP_ALIVE,
)
def test_embeddings_match_the_description(ollama, problems, words, dimensions, keep_alive):
    """
    The body of /api/embed matches the description, for any texts.
    """
    request = EmbeddingRequest(model="m", texts=tuple(words), dimensions=dimensions)
    call = ollama(keep_alive=keep_alive, options={"num_ctx": 8192}).encode_embedding(request)

    assert problems("EmbedRequest", json.loads(call.body)) == []


def test_model_requests_match_the_description(ollama, problems):
    """
    The body of /api/show matches the description.
    """
    assert problems("ShowRequest", json.loads(ollama().encode_model(ModelInfo(id="qwen3:8b")).body)) == []
