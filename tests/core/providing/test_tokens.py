"""Tokens are estimated without a tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import estimate_request, estimate_text, estimate_tokens
from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    OutputSchema,
    ToolCallPart,
    ToolDefinition,
    VendorTool,
)


def test_english_prose_is_estimated():
    """
    A sentence of ten tokens is estimated with at most 50 % error.
    """
    assert 7 <= estimate_tokens([Message.user("The quick brown fox jumps over the lazy dog.")]) <= 20


def test_no_messages_are_no_tokens():
    """
    The estimate is zero.
    """
    assert estimate_tokens([]) == 0


@given(st.lists(st.text(), max_size=5), st.text("abc äж", min_size=8).filter(str.strip))
def test_more_text_is_more_tokens(texts, more):
    """
    An estimate grows with every message and with its length.
    """
    messages = [Message.user(text) for text in texts]

    assert (
        estimate_tokens([*messages, Message.user(f"{more} and more")])
        > estimate_tokens([*messages, Message.user("")])
        > (estimate_tokens(messages))
    )


def test_the_bounds_of_images():
    """
    From a few tokens for the smallest image to tens of thousands for the largest.
    """
    image = Message(role="user", parts=(ImagePart(url="https://vendor.example/a.png"),))
    estimate = estimate_request(ChatRequest(model="m", messages=(image,)))

    assert estimate.low <= 2
    assert 500 < estimate.tokens < 5_000
    assert estimate.high > 48_000


@given(st.text(), st.text())
def test_bounds_include_the_estimate_and_grow_with_the_text(first, second):
    """
    No number is negative, and no number decreases if a line is added.
    """
    estimates = [estimate_text(first), estimate_text(f"{first}\n{second}")]

    for estimate in estimates:
        assert 0 <= estimate.low <= estimate.tokens <= estimate.high
    assert all(longer >= shorter for shorter, longer in zip(*estimates, strict=True))
    assert estimates[0].low <= 4 * len(first)


@pytest.mark.parametrize("text", ["  " * 200_000, "\n " * 200_000, "A" * 400_000, "-" * 400_000, "é" * 400_000])
def test_a_long_run_of_one_kind_is_estimated(text):
    """
    No pattern backtracks, which would take forever.
    """
    assert estimate_text(text).low >= 0


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("def add(first, second):\n    return first + second\n", 12),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю.", 20),
        ("いろはにほへと ちりぬるを", 12),
        ("1234567890123456", 6),
        ("🙂🙃🙂🙃", 8),
    ],
)
def test_the_bounds_include_many_kinds_of_text(text, tokens):
    """
    The expected numbers are those of OpenAI's o200k_base.
    """
    estimate = estimate_text(text)

    assert estimate.low <= tokens <= estimate.high


def test_tools_and_schemas_are_included():
    """
    The estimate covers the complete request.
    """
    plain = ChatRequest(model="m", messages=(Message.user("Hello"),))
    schema = {"type": "object", "properties": {"city": {"type": "string", "description": "Where it is"}}}
    tool = ToolDefinition(name="weather", description="Tell the weather", parameters=schema)
    calls = Message(role="assistant", parts=(ToolCallPart(id="1", name="weather", arguments='{"city": "Oslo"}'),))

    for more in (
        {"tools": (tool,)},
        {"output_schema": OutputSchema(json_schema=schema)},
        {"messages": (*plain.messages, calls)},
        {"vendor_tools": (VendorTool(provider="v", data={"type": "search"}),)},
        {"extra": {"functions": [schema]}},
    ):
        assert estimate_request(plain.model_copy(update=more)).tokens > estimate_request(plain).tokens + 10
