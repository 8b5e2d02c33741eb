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


def pieces_of(value, path="$"):
    """
    Take a value apart, texts letter by letter.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from pieces_of(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from pieces_of(inner, f"{path}[{index}]")
    else:
        kind = KINDS[type(value)]
        for piece in (value or [""]) if isinstance(value, str) else [value]:
            yield {"jsonPath": path, kind: "NULL_VALUE" if piece is None else piece}


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_pieces_make_the_whole(arguments):
    """
    What is taken apart comes together again, whatever its form.
    """
    whole = {}
    for piece in pieces_of(arguments):
        add_partial_argument(whole, piece)
    assert whole == arguments


def test_names_in_brackets():
    """
    A path may quote names that hold dots and quotes.
    """
    whole = {}
    add_partial_argument(whole, {"jsonPath": '$[\'a.b\']["it\\"s"][0]', "numberValue": 1})
    assert whole == {"a.b": {'it"s': [1]}}


@pytest.mark.parametrize("path", ["$..a", "$.a[", "$.a[*]", "$[0]", "$.list.name", "$.text.name", "$.list[999999999]"])
def test_a_path_that_leads_nowhere_is_an_error(path):
    """
    Paths that do not fit are the server's mistake, and fill no memory.
    """
    with pytest.raises(BadResponseError):
        add_partial_argument({"list": ["a"], "text": "a"}, {"jsonPath": path, "stringValue": "a"})


@given(st.text(max_size=20))
def test_any_path_is_understood_or_refused(path):
    """
    Whatever stands for a path, nothing else is raised.
    """
    whole = {}
    try:
        add_partial_argument(whole, {"jsonPath": path, "stringValue": "a"})
    except BadResponseError:
        return
    json.dumps(whole)
