"""Newline-delimited JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ResponseTooLargeError
from budwood.wire import NDJSONDecoder

VALUES = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=3), max_size=5)


def decoded(pieces: list[bytes]) -> list[bytes]:
    """Decode pieces to their end."""
    decoder = NDJSONDecoder()
    return [value for piece in pieces for value in decoder.feed(piece)] + decoder.close()


@given(VALUES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(1, 9))
def test_any_cut_gives_the_same_values(values, end, ended, size):
    """
    Every value comes out once and in order, however the bytes are cut and whether or not the last line ends.
    """
    data = (end.join(json.dumps(value, ensure_ascii=False) for value in values) + (end if ended else "")).encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]

    assert [json.loads(value) for value in decoded(pieces)] == values


def test_empty_lines_are_passed_over():
    """
    Lines of nothing but white space are no values.
    """
    assert decoded([b'\n  \n{"a": 1}\n\t\r\n{"b": 2}\n  ']) == [b'{"a": 1}', b'{"b": 2}']


def test_a_value_is_given_as_soon_as_its_line_ends():
    """
    Nobody waits for the next line to see the one before.
    """
    decoder = NDJSONDecoder()

    assert decoder.feed(b"{}") == []
    assert decoder.feed(b"\n") == [b"{}"]


def test_a_line_beyond_the_limit_is_refused():
    """
    A value longer than the limit is an error.
    """
    with pytest.raises(ResponseTooLargeError):
        NDJSONDecoder(8).feed(b'{"a": "too long"}')
