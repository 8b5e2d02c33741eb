"""Splitting bytes into lines, however the bytes arrive."""

from __future__ import annotations

import itertools
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ResponseTooLargeError
from budwood.wire import MAX_LINE_BYTES, LineBuffer

BYTES = st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\x00", "é".encode(), b"\x0b", b"\x85"])).map(b"".join)


def split_at(data: bytes, places: list[int]) -> list[bytes]:
    """Split bytes at positions."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def read_lines(chunks: list[bytes]) -> list[bytes]:
    """Return all lines, including a last one without an end."""
    buffer = LineBuffer()
    lines = [line for chunk in chunks for line in buffer.feed(chunk)]
    last = buffer.close()
    return [*lines, last] if last else lines


@given(BYTES, st.lists(st.integers(0, 200)))
def test_lines_do_not_depend_on_how_bytes_are_split(data, places):
    """
    Lines are those of all bytes, wherever these were split.
    """
    assert read_lines(split_at(data, places)) == data.splitlines()


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_three_line_ends_are_supported(end):
    """
    LF, CR and CR LF each end a line, and an empty line between two ends is returned.
    """
    assert LineBuffer().feed(b"one" + end + end + b"two" + end) == [b"one", b"", b"two"]


def test_split_cr_lf_is_one_line_end():
    """
    A LF at the start of a part after a CR adds no empty line.
    """
    buffer = LineBuffer()

    assert buffer.feed(b"one\r") == [b"one"]
    assert buffer.feed(b"\n") == []
    assert buffer.feed(b"\n") == [b""]


def test_other_separators_do_not_end_a_line():
    """
    Vertical tabs, form feeds and Unicode's line separators are part of the line.
    """
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f".encode()

    assert LineBuffer().feed(text + b"\n") == [text]


def test_split_character_is_joined():
    """
    A UTF-8 character that arrives in two halves is one character of its line.
    """
    buffer = LineBuffer()
    first, second = "🌱".encode()[:2], "🌱".encode()[2:]

    assert buffer.feed(first) == []
    assert buffer.feed(second + b"\n") == ["🌱".encode()]


def test_last_line_needs_no_end():
    """
    Bytes after the last line end are returned once, by `close`.
    """
    buffer = LineBuffer()

    assert buffer.feed(b"one\ntwo") == [b"one"]
    assert buffer.close() == b"two"
    assert buffer.close() == b""


@pytest.mark.parametrize("chunks", [[b"12345\n"], [b"12345"], [b"123", b"45"], [b"123", b"45\n"], [b"1\n12345\n"]])
def test_line_above_the_limit_is_an_error(chunks):
    """
    This applies to one part or several, with a line end or without.
    """
    buffer = LineBuffer(4)

    with pytest.raises(ResponseTooLargeError, match="more than 4 bytes"):
        list(map(buffer.feed, chunks))


def test_limit_applies_to_each_line():
    """
    Any number of lines within the limit is accepted.
    """
    buffer = LineBuffer(4)

    assert buffer.feed(b"1234\n" * 3 + b"12") == [b"1234"] * 3
    assert buffer.feed(b"34\n") == [b"1234"]


def test_endless_line_uses_bounded_memory():
    """
    The buffer is never larger than the limit plus one part.
    """
    buffer = LineBuffer()
    chunk = b"x" * (1024 * 1024)
    remaining = itertools.repeat(chunk, 2 * MAX_LINE_BYTES // len(chunk))

    with pytest.raises(ResponseTooLargeError):
        list(map(buffer.feed, remaining))

    assert len(list(remaining)) >= MAX_LINE_BYTES // len(chunk) - 1
