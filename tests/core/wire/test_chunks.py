"""Chunked bodies: extracting the data, and leaving the rest to the HTTP parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.wire.chunks import ChunkFramer


def encode_chunks(parts, head=b"%x\r\n"):
    """
    Encode parts as chunks.
    """
    return b"".join(head % len(part) + part + b"\r\n" for part in parts)


def feed_all(framer, data, size):
    """
    Feed bytes in parts of one size until the framer stops; return the data, and the bytes that were not fed.
    """
    found = b""
    for place in range(0, len(data), size):
        found += framer.feed(data[place : place + size])
        if framer.rest is not None:
            return found, data[place + size :]
    return found, b""


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 60), st.sampled_from([b"", b"\r\n"]))
def test_data_is_extracted_however_it_is_split(parts, size, content):
    """
    All data is returned; the rest is the last chunk and all bytes after it.
    """
    parts = [part + content for part in parts]  # data may look like a line break
    end = b"0\r\nx-trailer: 1\r\n\r\nnext"
    framer = ChunkFramer()

    found, unread = feed_all(framer, encode_chunks(parts) + end, size)

    assert found == b"".join(parts)
    assert framer.rest + unread == end


@given(st.binary(min_size=1, max_size=50), st.integers(1, 30))
def test_data_of_an_incomplete_chunk_is_returned(part, size):
    """
    Data is returned as it arrives, also in the middle of a chunk.
    """
    sent = encode_chunks([part])

    for end in range(size, len(sent) + size, size):
        head_size = len(b"%x\r\n" % len(part))
        got = feed_all(ChunkFramer(), sent[:end], size)[0]
        assert got == part[: max(0, min(end, len(sent)) - head_size)]


@pytest.mark.parametrize("head", [b"%X\r\n", b"000%x\r\n", b"%x;name=value\r\n", b'%x ; a="b;c"\r\n'])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_heads_may_have_extensions(head, size):
    """
    Upper case, leading zeros and extensions are allowed.
    """
    parts = [b"one", b"t" * 200]
    framer = ChunkFramer()

    found, unread = feed_all(framer, encode_chunks(parts, head) + b"0;a=b\r\n\r\n", size)

    assert found == b"".join(parts)
    assert framer.rest + unread == b"0;a=b\r\n\r\n"


@pytest.mark.parametrize(
    "unsupported",
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
def test_unsupported_bytes_are_left_to_the_other_parser(unsupported, size):
    """
    Everything from the head on is the rest; data before it is returned.
    """
    framer = ChunkFramer()

    found, unread = feed_all(framer, encode_chunks([b"one"]) + unsupported, size)

    assert found == b"one"
    assert framer.rest + unread == unsupported


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_chunk_that_is_longer_than_its_size_is_an_error(size):
    """
    The extra bytes are never taken for the head of the next chunk.
    """
    with pytest.raises(ValueError, match="longer"):
        feed_all(ChunkFramer(), b"3\r\nabcdef\r\n0\r\n\r\n", size)
