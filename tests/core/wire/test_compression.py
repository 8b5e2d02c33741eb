"""Compressed bodies are read completely, and in small blocks."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import BadResponseError
from budwood.wire.compression import Decompressor, supported_encodings


def decompress(decompressor: Decompressor, parts: list[bytes]) -> list[bytes]:
    """Feed the parts of a body, and return the blocks of its content."""
    received = filter(None, parts)  # empty bytes would mean the end
    blocks = []
    while block := decompressor.read_next(lambda: next(received, b"")):
        blocks.append(block)
    return blocks


def compress_raw(data: bytes) -> bytes:
    """Compress without the frame of zlib."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "GZip": gzip.compress, "deflate": zlib.compress}


@given(st.binary(max_size=5000), st.sampled_from([*PACKERS.items(), ("", bytes), ("identity", bytes)]), st.data())
def test_decompressing_returns_the_content(body, packer, data):
    """
    This applies to each encoding, however the bytes are split.
    """
    encoding, compress = packer
    compressed = compress(body)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(compressed)), max_size=5)))
    parts = [compressed[start:end] for start, end in zip([0, *cuts], [*cuts, len(compressed)], strict=True)]

    assert b"".join(decompress(Decompressor(encoding), parts)) == body


def test_raw_deflate_is_accepted():
    """
    Some servers send it, although the encoding requires the frame of zlib.
    """
    assert b"".join(decompress(Decompressor("deflate"), [compress_raw(b"plain " * 99)])) == b"plain " * 99


def test_blocks_are_small():
    """
    Each block has at most 64 KiB, whatever the decompressed size of a part.
    """
    blocks = decompress(Decompressor("gzip"), [gzip.compress(bytes(10_000_000))])

    assert sum(map(len, blocks)) == 10_000_000
    assert max(map(len, blocks)) <= 65536


def test_bytes_after_the_end_are_ignored():
    """
    Bytes after the end are not returned, and use no memory.
    """
    decompressor = Decompressor("gzip")

    assert decompress(decompressor, [gzip.compress(b"plain"), b"more", b"and more"]) == [b"plain"]
    assert decompressor._compressed == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_encoding_that_was_not_accepted_is_an_error(encoding):
    """
    Only encodings that can be decompressed in blocks are supported.
    """
    with pytest.raises(BadResponseError, match="did not accept"):
        Decompressor(encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_invalid_data_is_a_bad_response(encoding):
    """
    A body that is not in the encoding of its head is an error that names the encoding.
    """
    with pytest.raises(BadResponseError, match=f"not valid {encoding}"):
        decompress(Decompressor(encoding), [b"\xff\xff plain"])


@pytest.mark.parametrize(
    ("accepted", "supported"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("gzip;q=1.0, br;q=0.5", "gzip;q=1.0"),
        ("identity", "identity"),
        ("br", "identity"),
        ("", "identity"),
    ],
)
def test_unsupported_encodings_are_not_accepted(accepted, supported):
    """
    The encodings of the user's client are kept, without unsupported ones.
    """
    assert supported_encodings(accepted) == supported
