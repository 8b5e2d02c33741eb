"""Compressed bodies come out whole, and in small steps."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import BadResponseError
from budwood.wire.compression import Decompressor, supported_encodings


def unpack(unpacker: Decompressor, pieces: list[bytes]) -> list[bytes]:
    """Feed pieces, and list what comes out."""
    came = []
    for piece in pieces:
        data = unpacker.feed(piece)
        while data:
            came.append(data)
            data = unpacker.more() if unpacker._stream is not None else b""
    return came


def bare(data: bytes) -> bytes:
    """Compress without the frame of zlib."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "GZip": gzip.compress, "deflate": zlib.compress}


@given(st.binary(max_size=5000), st.sampled_from([*PACKERS.items(), ("", bytes), ("identity", bytes)]), st.data())
def test_what_was_packed_comes_out(body, packing, data):
    """
    Whatever the encoding and however the bytes are cut.
    """
    encoding, pack = packing
    packed = pack(body)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=5)))
    pieces = [packed[start:end] for start, end in zip([0, *cuts], [*cuts, len(packed)], strict=True)]

    assert b"".join(unpack(Decompressor(encoding), pieces)) == body


def test_deflate_may_lack_its_frame():
    """
    Some servers send bare deflate, although the name promises the frame of zlib.
    """
    assert b"".join(unpack(Decompressor("deflate"), [bare(b"plain " * 99)])) == b"plain " * 99


def test_no_step_is_large():
    """
    However much a piece holds, it comes out in steps of 64 KiB.
    """
    steps = unpack(Decompressor("gzip"), [gzip.compress(bytes(10_000_000))])

    assert sum(map(len, steps)) == 10_000_000
    assert max(map(len, steps)) <= 65536


def test_what_follows_the_end_is_nobodys():
    """
    Bytes behind the compressed body are left, and take no memory.
    """
    unpacker = Decompressor("gzip")

    assert unpack(unpacker, [gzip.compress(b"plain")]) == [b"plain"]
    assert unpack(unpacker, [b"more", b"and more"]) == []
    assert unpacker._packed == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding):
    """
    What cannot be unpacked in steps is not unpacked at all.
    """
    with pytest.raises(BadResponseError, match="not asked for"):
        Decompressor(encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bytes_in_no_such_encoding_are_a_bad_reply(encoding):
    """
    A body that is not what its head promises is an error that says so.
    """
    with pytest.raises(BadResponseError, match=f"no valid {encoding}"):
        unpack(Decompressor(encoding), [b"\xff\xff plain"])


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("gzip;q=1.0, br;q=0.5", "gzip;q=1.0"),
        ("identity", "identity"),
        ("br", "identity"),
        ("", "identity"),
    ],
)
def test_only_what_can_be_unpacked_is_offered(said, left):
    """
    What a client of the user's says holds, but for what nobody could unpack.
    """
    assert supported_encodings(said) == left
