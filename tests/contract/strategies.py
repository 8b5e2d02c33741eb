"""Hypothesis strategies for requests, within the limits of the vendors' descriptions of their APIs."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)

texts = st.text(max_size=10)
words = st.text(min_size=1, max_size=10)
objects = st.dictionaries(texts, st.one_of(st.none(), st.booleans(), st.integers(), texts), max_size=3)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
schemas = st.builds(
    lambda properties: {"type": "object", "properties": properties},
    st.dictionaries(
        names, st.sampled_from([{"type": "string"}, {"type": "integer"}, {"enum": ["a", "b"]}]), max_size=2
    ),
)

text_parts = st.builds(TextPart, text=texts)
images = st.builds(ImagePart, data=st.binary(max_size=9), media_type=st.just("image/png"))
linked_images = st.builds(
    ImagePart, url=st.just("https://example.com/a.png"), detail=st.sampled_from([None, "low", "high", "auto"])
)
arguments = st.one_of(objects.map(json.dumps), texts)
calls = st.builds(ToolCallPart, id=names, name=names, arguments=arguments)
results = st.builds(ToolResultPart, call_id=names, name=st.one_of(st.just(""), names), content=texts)
thoughts = st.builds(ReasoningPart, text=texts)
refusals = st.builds(RefusalPart, text=texts)
foreign = st.builds(VendorPart, provider=st.just("somebody-else"), kind=names, data=objects)


def messages_of_role(role, *parts, minimum=0, **fields):
    """
    Generate messages of a role with a minimum number of parts.
    """
    parts_of_role = st.lists(st.one_of(*parts), min_size=minimum, max_size=3)
    return st.builds(Message, role=st.just(role), parts=parts_of_role.map(tuple), **fields)


def messages(*images, **fields):
    """
    Generate messages of all roles; user messages may have these images.
    """
    return st.one_of(
        messages_of_role("system", text_parts),
        messages_of_role("developer", text_parts),
        messages_of_role("user", text_parts, *images, foreign, **fields),
        messages_of_role("assistant", text_parts, calls, thoughts, refusals, foreign),
        messages_of_role("tool", results, minimum=1),
    )


def chats(conversation, **fields):
    """
    Generate requests with such messages, and with every parameter that all vendors share.
    """
    fields = {
        "model": names,
        "temperature": st.one_of(st.none(), st.floats(0, 2)),
        "top_p": st.one_of(st.none(), st.floats(0, 1)),
        "max_tokens": st.one_of(st.none(), st.integers(16, 99)),  # the minimum of Responses
        "stop": st.lists(texts, max_size=4).map(tuple),
        "seed": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        "frequency_penalty": st.one_of(st.none(), st.floats(-2, 2)),
        "presence_penalty": st.one_of(st.none(), st.floats(-2, 2)),
        "reasoning_effort": st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max"]),
        "reasoning_budget": st.one_of(st.none(), st.integers(1, 9)),
        "tools": st.lists(tools, max_size=2).map(tuple),
        "tool_choice": st.one_of(st.sampled_from([None, "auto", "none", "required"]), st.builds(NamedTool, name=names)),
        "parallel_tool_calls": st.sampled_from([None, True, False]),
        "output_schema": st.one_of(st.none(), outputs),
        "prompt_cache": st.sampled_from([None, "default"]),
        **fields,
    }
    return st.builds(ChatRequest, messages=st.lists(conversation, min_size=1, max_size=4).map(tuple), **fields)


strict = st.sampled_from([None, True, False])
tools = st.builds(ToolDefinition, name=names, description=texts, parameters=schemas, strict=strict)
outputs = st.builds(OutputSchema, name=names, description=texts, json_schema=schemas, strict=strict)
