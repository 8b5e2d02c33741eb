"""Newline-delimited JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ResponseTooLargeError
from budwood.wire import NDJSONDecoder

VALUES = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=3), max_size=5)


def decode_all(chunks: list[bytes]) -> list[bytes]:
    """Decode parts to their end."""
    decoder = NDJSONDecoder()
    return [value for chunk in chunks for value in decoder.feed(chunk)] + decoder.close()


@given(VALUES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(1, 9))
def test_values_do_not_depend_on_how_bytes_are_split(values, end, ended, size):
    """
    Every value is returned once and in order, whether or not the last line ends.
    """
    data = (end.join(json.dumps(value, ensure_ascii=False) for value in values) + (end if ended else "")).encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]

    assert [json.loads(value) for value in decode_all(chunks)] == values


def test_empty_lines_are_skipped():
    """
    Lines with only white space are ignored.
    """
    assert decode_all([b'\n  \n{"a": 1}\n\t\r\n{"b": 2}\n  ']) == [b'{"a": 1}', b'{"b": 2}']


def test_value_is_returned_when_its_line_ends():
    """
    The next line is not needed.
    """
    decoder = NDJSONDecoder()

    assert decoder.feed(b"{}") == []
    assert decoder.feed(b"\n") == [b"{}"]


def test_line_above_the_limit_is_an_error():
    """
    A value longer than the limit raises ResponseTooLargeError.
    """
    with pytest.raises(ResponseTooLargeError):
        NDJSONDecoder(8).feed(b'{"a": "too long"}')
