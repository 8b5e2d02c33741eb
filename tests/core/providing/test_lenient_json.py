from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing.lenient_json import HalfCharacters, parse_with_halves, repair
from budwood.types import Finished, ReasoningDelta, TextDelta, ToolCallDelta

LAST = 0x10D7FF
"""The last character before those that represent halves, at the end of a private use area."""


def decode(*texts):
    """
    Parse JSON-encoded texts, and join them as text deltas.
    """
    halves = HalfCharacters()
    events = halves.feed(TextDelta(parse_with_halves(b'"' + text + b'"')) for text in texts)
    return [*events, *halves.close()]


@given(st.text(st.characters(max_codepoint=LAST, exclude_categories=["Cs"])), st.booleans())
def test_valid_json_is_unchanged(text, escaped):
    """
    The text of valid JSON is not changed, with or without escapes.
    """
    assert repair(parse_with_halves(json.dumps([text], ensure_ascii=escaped).encode())) == [text]


@given(st.text(st.characters(min_codepoint=0x10000, max_codepoint=LAST), min_size=1, max_size=4), st.data())
def test_text_split_anywhere_is_joined(text, data):
    """
    The bytes of a text that is split into two deltas at any place, within characters too, are joined.
    """
    encoded = text.encode()
    position = data.draw(st.integers(0, len(encoded)))
    deltas = decode(encoded[:position], encoded[position:])

    assert "".join(delta.text for delta in deltas) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"[" * 100_000, "nested|Expecting"),
        (b'{"a": 1', "Expecting"),
        (b"", "Expecting"),
        (b"1" + b"0" * 5000, "digits"),
        (b'"\\u12"', "escape"),
    ],
    ids=["nested", "truncated", "empty", "long number", "short escape"],
)
def test_other_invalid_json_is_an_error(value, reason):
    """
    Truncated or deeply nested JSON, and numbers that Python does not parse, raise ValueError.
    """
    with pytest.raises(ValueError, match=reason):
        parse_with_halves(value)


def test_halves_are_joined_for_each_kind_of_event_and_call():
    """
    Halves in the arguments of two parallel calls are joined with those of the same call.
    """
    high, low = parse_with_halves(b'["\\ud83d", "\\ude00"]')
    halves = HalfCharacters()
    events = halves.feed(ToolCallDelta(index, arguments=half) for half in (high, low) for index in (0, 1))

    assert [(event.index, event.arguments) for event in events if event.arguments] == [
        (0, "\U0001f600"),
        (1, "\U0001f600"),
    ]


def test_half_is_replaced_before_other_content():
    """
    A half that is followed by content of another kind, or by the end, is replaced in its place.
    """
    high = parse_with_halves(b'"\\ud83d"')
    halves = HalfCharacters()
    events = halves.feed([ReasoningDelta(high), TextDelta("a" + high), Finished("stop")])

    assert events == [ReasoningDelta("\ufffd"), TextDelta("a"), TextDelta("\ufffd"), Finished("stop")]
