"""Lines, however the bytes arrive."""

from __future__ import annotations

import itertools
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ResponseTooLargeError
from budwood.wire import MAX_LINE_BYTES, LineBuffer

BYTES = st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\x00", "é".encode(), b"\x0b", b"\x85"])).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def lines_of(pieces: list[bytes]) -> list[bytes]:
    """Gather all lines, the last without an end too."""
    buffer = LineBuffer()
    lines = [line for piece in pieces for line in buffer.feed(piece)]
    last = buffer.close()
    return [*lines, last] if last else lines


@given(BYTES, st.lists(st.integers(0, 200)))
def test_any_cut_gives_the_same_lines(data, places):
    """
    Lines are those of the whole bytes, wherever these were cut.
    """
    assert lines_of(cut(data, places)) == data.splitlines()


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_three_ends_of_lines_are_known(end):
    """
    LF, CR and CR LF each end a line, and an empty line between two ends stays.
    """
    assert LineBuffer().feed(b"one" + end + end + b"two" + end) == [b"one", b"", b"two"]


def test_a_cut_cr_lf_is_one_end():
    """
    A LF that begins a piece after a CR adds no empty line.
    """
    buffer = LineBuffer()

    assert buffer.feed(b"one\r") == [b"one"]
    assert buffer.feed(b"\n") == []
    assert buffer.feed(b"\n") == [b""]


def test_other_separators_are_part_of_the_line():
    """
    Vertical tabs, form feeds and Unicode's line separators end no line.
    """
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f".encode()

    assert LineBuffer().feed(text + b"\n") == [text]


def test_a_cut_character_stays_whole():
    """
    A character of UTF-8 that arrives in two halves is one character of its line.
    """
    buffer = LineBuffer()
    first, second = "🌱".encode()[:2], "🌱".encode()[2:]

    assert buffer.feed(first) == []
    assert buffer.feed(second + b"\n") == ["🌱".encode()]


def test_the_last_line_needs_no_end():
    """
    What follows the last end is given back once, by `close`.
    """
    buffer = LineBuffer()

    assert buffer.feed(b"one\ntwo") == [b"one"]
    assert buffer.close() == b"two"
    assert buffer.close() == b""


@pytest.mark.parametrize("pieces", [[b"12345\n"], [b"12345"], [b"123", b"45"], [b"123", b"45\n"], [b"1\n12345\n"]])
def test_a_line_beyond_the_limit_is_refused(pieces):
    """
    A line longer than the limit is an error, whole or in pieces, ended or not.
    """
    buffer = LineBuffer(4)

    with pytest.raises(ResponseTooLargeError, match="more than 4 bytes"):
        list(map(buffer.feed, pieces))


def test_the_limit_is_for_each_line():
    """
    Any number of lines of the allowed length passes.
    """
    buffer = LineBuffer(4)

    assert buffer.feed(b"1234\n" * 3 + b"12") == [b"1234"] * 3
    assert buffer.feed(b"34\n") == [b"1234"]


def test_an_endless_line_keeps_no_more_than_the_limit():
    """
    What is gathered of a line without end stays below the limit and one piece.
    """
    buffer = LineBuffer()
    piece = b"x" * (1024 * 1024)
    left = itertools.repeat(piece, 2 * MAX_LINE_BYTES // len(piece))

    with pytest.raises(ResponseTooLargeError):
        list(map(buffer.feed, left))

    assert len(list(left)) >= MAX_LINE_BYTES // len(piece) - 1
