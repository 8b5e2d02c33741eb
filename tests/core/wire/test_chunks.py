"""Chunked bodies: their data, and what is left to the parser of HTTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.wire.chunks import ChunkFramer


def written(pieces, head=b"%x\r\n"):
    """
    Write pieces as chunks.
    """
    return b"".join(head % len(piece) + piece + b"\r\n" for piece in pieces)


def fed(framer, data, size):
    """
    Feed bytes in pieces of one size, as long as the framer wants them; return the data, and what was not fed.
    """
    found = b""
    for place in range(0, len(data), size):
        found += framer.feed(data[place : place + size])
        if framer.rest is not None:
            return found, data[place + size :]
    return found, b""


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 60), st.sampled_from([b"", b"\r\n"]))
def test_data_comes_out_however_it_is_cut(pieces, size, content):
    """
    All data comes out; the last chunk and what follows it are the rest, whole.
    """
    pieces = [piece + content for piece in pieces]  # data may look like a line break
    end = b"0\r\nx-trailer: 1\r\n\r\nnext"
    framer = ChunkFramer()

    found, unfed = fed(framer, written(pieces) + end, size)

    assert found == b"".join(pieces)
    assert framer.rest + unfed == end


@given(st.binary(min_size=1, max_size=50), st.integers(1, 30))
def test_no_byte_waits_for_those_behind_it(piece, size):
    """
    Data is handed out as it comes, also from the midst of a chunk.
    """
    sent = written([piece])

    for end in range(size, len(sent) + size, size):
        begun = len(b"%x\r\n" % len(piece))
        got = fed(ChunkFramer(), sent[:end], size)[0]
        assert got == piece[: max(0, min(end, len(sent)) - begun)]


@pytest.mark.parametrize("head", [b"%X\r\n", b"000%x\r\n", b"%x;name=value\r\n", b'%x ; a="b;c"\r\n'])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_heads_may_hold_more_than_the_size(head, size):
    """
    Upper case, zeros before it, and extensions are allowed.
    """
    pieces = [b"one", b"t" * 200]
    framer = ChunkFramer()

    found, unfed = fed(framer, written(pieces, head) + b"0;a=b\r\n\r\n", size)

    assert found == b"".join(pieces)
    assert framer.rest + unfed == b"0;a=b\r\n\r\n"


@pytest.mark.parametrize(
    "strange",
    [
        b"nonsense\r\n",
        b"-1\r\n",
        b"\r\n",
        b"5\n",
        b" 5\r\n",
        b"5 \r\n",
        b"f" * 20 + b"\r\n",
        b"5;" + b"e" * 100,
        b"00\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_it_does_not_know_is_left_to_the_other_parser(strange, size):
    """
    From the beginning of the head on; what came before it comes out.
    """
    framer = ChunkFramer()

    found, unfed = fed(framer, written([b"one"]) + strange, size)

    assert found == b"one"
    assert framer.rest + unfed == strange


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_chunk_that_is_longer_than_it_says(size):
    """
    Bytes that belong to no chunk are an error, and never taken for the head of the next one.
    """
    with pytest.raises(ValueError, match="longer"):
        fed(ChunkFramer(), b"3\r\nabcdef\r\n0\r\n\r\n", size)
