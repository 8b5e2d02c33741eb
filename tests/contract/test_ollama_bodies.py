"""Every body that the plugin writes, whatever it is asked for, fits Ollama's description of its API."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.types import (
    ChatRequest,
    EmbeddingRequest,
    ImagePart,
    Message,
    ModelInfo,
    ModelRules,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)
from tests.contract import recorded

LEVELS = ModelRules(traits=frozenset({"thinking_levels"}), efforts={"none": "low", "minimal": "low", "xhigh": "high"})
KEEP_ALIVE = st.sampled_from([None, "10m", 300, 0, -1, 0.5])

texts = st.text(max_size=10)
objects = st.dictionaries(texts, st.one_of(st.none(), st.booleans(), st.integers(), texts), max_size=3)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
text_parts = st.builds(TextPart, text=texts)
images = st.builds(ImagePart, data=st.binary(max_size=9), media_type=st.just("image/png"))
arguments = st.one_of(objects.map(json.dumps), texts)
calls = st.builds(ToolCallPart, id=names, name=names, arguments=arguments)
results = st.builds(ToolResultPart, call_id=names, name=st.one_of(st.just(""), names), content=texts)
thoughts = st.builds(ReasoningPart, text=texts)
foreign = st.builds(VendorPart, provider=st.just("openai"), kind=names, data=objects)


def said(role, *parts):
    """
    Make messages of a role.
    """
    return st.builds(Message, role=st.just(role), parts=st.lists(st.one_of(*parts), max_size=3).map(tuple))


messages = st.one_of(
    said("system", text_parts),
    said("developer", text_parts),
    said("user", text_parts, images, foreign),
    said("assistant", text_parts, calls, thoughts, foreign),
    said("tool", results),
)
tools = st.lists(st.builds(ToolDefinition, name=names, description=texts, parameters=objects), max_size=2)
requests = st.builds(
    ChatRequest,
    model=names,
    messages=st.lists(messages, min_size=1, max_size=4).map(tuple),
    temperature=st.one_of(st.none(), st.floats(0, 2)),
    top_p=st.one_of(st.none(), st.floats(0, 1)),
    max_tokens=st.one_of(st.none(), st.integers(1, 9)),
    stop=st.lists(texts, max_size=2).map(tuple),
    seed=st.one_of(st.none(), st.integers()),
    reasoning_effort=st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    tools=tools.map(tuple),
    tool_choice=st.one_of(st.sampled_from([None, "auto", "none", "required"]), st.builds(NamedTool, name=names)),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    output_schema=st.one_of(st.none(), st.builds(OutputSchema, json_schema=objects)),
)


@pytest.fixture(scope="module")
def problems(shared_folder):
    """
    Hold a body against Ollama's own description, relaxed to what clients really send.
    """
    description = shared_folder / "specs" / "ollama" / "openapi.yaml"
    return recorded.tool("openapi_check").Schemas.load(description).problems


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=requests, stream=st.booleans(), keep_alive=KEEP_ALIVE, rules=st.sampled_from([ModelRules(), LEVELS]))
def test_chats_fit_the_description(ollama, problems, *, request, stream, keep_alive, rules):
    """
    Whatever is asked, the body of /api/chat is one that Ollama describes.
    """
    call = ollama(rules, keep_alive=keep_alive, options={"num_ctx": 8192}).encode(request, stream=stream)

    assert problems("ChatRequest", json.loads(call.body)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(texts, min_size=1, max_size=3),
    dimensions=st.one_of(st.none(), st.integers(1)),
    keep_alive=KEEP_ALIVE,
)
def test_embeddings_fit_the_description(ollama, problems, words, dimensions, keep_alive):
    """
    Whatever is embedded, the body of /api/embed is one that Ollama describes.
    """
    request = EmbeddingRequest(model="m", texts=tuple(words), dimensions=dimensions)
    call = ollama(keep_alive=keep_alive, options={"num_ctx": 8192}).encode_embedding(request)

    assert problems("EmbedRequest", json.loads(call.body)) == []


def test_questions_about_models_fit_the_description(ollama, problems):
    """
    So is the body of /api/show.
    """
    assert problems("ShowRequest", json.loads(ollama().encode_model(ModelInfo(id="qwen3:8b")).body)) == []
