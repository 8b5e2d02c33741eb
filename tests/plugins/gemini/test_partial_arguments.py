from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import BadResponseError
from budwood_gemini.partial_arguments import add_partial_argument

NAMES = st.text(st.characters(codec="utf-8", exclude_characters=".[]'\"\\"), min_size=1, max_size=5)
LEAVES = st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)
KINDS = {str: "stringValue", float: "numberValue", bool: "boolValue", type(None): "nullValue"}


def partials_of(value, path="$"):
    """
    Split a value into partial arguments, texts by letter.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from partials_of(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from partials_of(inner, f"{path}[{index}]")
    else:
        kind = KINDS[type(value)]
        for chunk in (value or [""]) if isinstance(value, str) else [value]:
            yield {"jsonPath": path, kind: "NULL_VALUE" if chunk is None else chunk}


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_partial_arguments_are_joined(arguments):
    """
    A value that was split is assembled again.
    """
    complete = {}
    for chunk in partials_of(arguments):
        add_partial_argument(complete, chunk)
    assert complete == arguments


def test_names_in_brackets():
    """
    A path may quote names with dots and quotes.
    """
    complete = {}
    add_partial_argument(complete, {"jsonPath": '$[\'a.b\']["it\\"s"][0]', "numberValue": 1})
    assert complete == {"a.b": {'it"s': [1]}}


@pytest.mark.parametrize("path", ["$..a", "$.a[", "$.a[*]", "$[0]", "$.list.name", "$.text.name", "$.list[999999999]"])
def test_an_invalid_path_is_an_error(path):
    """
    Paths that contradict others, or whose index is too large.
    """
    with pytest.raises(BadResponseError):
        add_partial_argument({"list": ["a"], "text": "a"}, {"jsonPath": path, "stringValue": "a"})


@given(st.text(max_size=20))
def test_any_path_is_valid_or_an_error(path):
    """
    No path raises another exception.
    """
    complete = {}
    try:
        add_partial_argument(complete, {"jsonPath": path, "stringValue": "a"})
    except BadResponseError:
        return
    json.dumps(complete)
