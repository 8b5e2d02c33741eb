"""All request bodies of the plugins for OpenAI and Azure match the descriptions of the APIs."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.types import EmbeddingRequest, Message, ModerationRequest
from tests.contract import descriptions, strategies

MODELS = st.sampled_from(["gpt-4o", "gpt-4.1-mini", "gpt-5.1", "gpt-5", "o3", "none-that-is-known"])
IMAGES = (strategies.images, strategies.linked_images)
CHATS = strategies.chats(strategies.messages(*IMAGES, name=st.one_of(st.none(), strategies.names)), model=MODELS)

ADDRESSES = {
    "deployments": "https://res.openai.azure.com/?api-version=2025-03-01-preview",
    "v1": "https://res.openai.azure.com/openai/v1/",
}
DESCRIPTIONS = {
    ("deployments", "chat"): ("inference-2025-03-01-preview.json", "createChatCompletionRequest"),
    ("deployments", "completions"): ("inference-2025-03-01-preview.json", "createCompletionRequest"),
    ("deployments", "translation"): ("inference-2025-03-01-preview.json", "createTranslationRequest"),
    ("v1", "chat"): ("foundry-v1.json", "AzureCreateChatCompletionRequest"),
    ("v1", "responses"): ("foundry-v1.json", "AzureCreateResponse"),
    ("v1", "embeddings"): ("foundry-v1.json", "AzureCreateEmbeddingRequest"),
}
"""Microsoft's descriptions of its API, by form of address and endpoint."""

AZURE_CHATS = CHATS.filter(lambda request: request.reasoning_effort in (None, "low", "medium", "high"))
"""Microsoft's descriptions are older than the other efforts, which its guide to reasoning models lists."""

bodies = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def azure_problems(shared_folder):
    """
    Validate a body against one of Microsoft's descriptions, relaxed to accept what clients send.
    """
    loaded = {file: descriptions.load(shared_folder / "specs" / "azure" / file) for file, _ in DESCRIPTIONS.values()}

    def problems(form, endpoint, body):
        file, schema = DESCRIPTIONS[form, endpoint]
        return loaded[file].problems(schema, body)

    return problems


@bodies
@given(request=CHATS, stream=st.booleans())
def test_chats_match_openais_description(openai, openai_schemas, *, request, stream):
    """
    The body of /chat/completions matches OpenAI's description, for any request.
    """
    call = openai(api="chat").encode(request, stream=stream)

    assert openai_schemas.problems("CreateChatCompletionRequest", json.loads(call.body)) == []


@bodies
@given(request=CHATS, stream=st.booleans())
def test_responses_match_openais_description(openai, openai_schemas, *, request, stream):
    """
    The body of /responses, and of its token count, matches OpenAI's description, for any request.
    """
    provider = openai(api="responses")

    assert openai_schemas.problems("CreateResponse", json.loads(provider.encode(request, stream=stream).body)) == []
    assert openai_schemas.problems("TokenCountsBody", json.loads(provider.encode_token_count(request).body)) == []


@st.composite
def completions(draw):
    """
    Generate completion requests.
    """
    request = draw(
        strategies.chats(strategies.messages_of_role("user", strategies.text_parts), tools=st.just(()), model=MODELS)
    )
    return request.model_copy(update={"messages": (Message.user(draw(strategies.texts)),)})


@bodies
@given(request=completions(), stream=st.booleans())
def test_completions_match_openais_description(openai, openai_schemas, *, request, stream):
    """
    The body of /completions matches OpenAI's description, for any prompt.
    """
    call = openai().encode_completion(request, stream=stream)

    assert openai_schemas.problems("CreateCompletionRequest", json.loads(call.body)) == []


EMBEDDINGS = st.builds(
    EmbeddingRequest,
    model=st.just("text-embedding-3-small"),
    texts=st.lists(strategies.words, min_size=1, max_size=3).map(tuple),
    dimensions=st.one_of(st.none(), st.integers(1)),
)


@bodies
@given(request=EMBEDDINGS)
def test_embeddings_match_both_descriptions(openai, azure, openai_schemas, azure_problems, *, request):
    """
    The body of /embeddings matches the descriptions of OpenAI and Microsoft, for any texts.
    """
    assert openai_schemas.problems("CreateEmbeddingRequest", json.loads(openai().encode_embedding(request).body)) == []
    body = json.loads(azure(ADDRESSES["v1"]).encode_embedding(request).body)
    assert azure_problems("v1", "embeddings", body) == []


@bodies
@given(
    contents=st.lists(
        st.lists(st.one_of(strategies.text_parts, *IMAGES), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3
    ),
    model=st.sampled_from([None, "omni-moderation-latest"]),
)
def test_moderations_match_openais_description(openai, openai_schemas, *, contents, model):
    """
    The body of /moderations matches OpenAI's description, for any input.
    """
    provider = openai()
    for content in contents:
        call = provider.encode_moderation(ModerationRequest(model=model, contents=(content,)))
        assert openai_schemas.problems("CreateModerationRequest", json.loads(call.body)) == []


@bodies
@given(request=AZURE_CHATS, stream=st.booleans(), form=st.sampled_from(sorted(ADDRESSES)))
def test_chats_match_microsofts_descriptions(azure, azure_problems, *, request, stream, form):
    """
    The body of a chat with a deployment matches Microsoft's description, for both forms of addresses.
    """
    call = azure(ADDRESSES[form], api="chat").encode(request, stream=stream)

    assert azure_problems(form, "chat", json.loads(call.body)) == []


@bodies
@given(request=AZURE_CHATS, stream=st.booleans())
def test_responses_match_microsofts_description(azure, azure_problems, *, request, stream):
    """
    The body of Azure's /responses matches Microsoft's description.
    """
    call = azure(ADDRESSES["v1"], api="responses").encode(request, stream=stream)

    assert azure_problems("v1", "responses", json.loads(call.body)) == []


@bodies
@given(request=completions(), stream=st.booleans())
def test_completions_match_microsofts_description(azure, azure_problems, *, request, stream):
    """
    The body of Azure's /completions matches Microsoft's description.
    """
    call = azure(ADDRESSES["deployments"]).encode_completion(request, stream=stream)

    assert azure_problems("deployments", "completions", json.loads(call.body)) == []
