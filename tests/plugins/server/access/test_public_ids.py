"""The ids of objects that clients see."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from budwood_server.access.public_ids import PREFIXES, decode_id, encode_id

KINDS = st.sampled_from(sorted(PREFIXES))
PROVIDERS = st.text(min_size=1).filter(str.isprintable)
VENDOR_IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(KINDS, PROVIDERS, VENDOR_IDS)
@example("file", "openai", "file-")
@example("file", "openai", "file-\0")
@example("file", "openai", "\1file-abc")
@example("batch", "gemini", "batches/abc-1")
def test_an_id_names_the_object_of_the_vendor(kind, provider, vendor_id):
    """
    With any id that a vendor may have. It can be a part of a path, and begins as clients expect.
    """
    public_id = encode_id(kind, provider, vendor_id)

    assert decode_id(kind, public_id) == (provider, vendor_id)
    assert public_id.startswith(PREFIXES[kind])
    assert public_id.replace("-", "").replace("_", "").isalnum()
    assert public_id.isascii()


@given(KINDS, st.text())
@example("file", "file-abc123")
@example("file", "file-J4hTq0Zx0Qd0kq2xW8c9Yb")
@example("file", "file-=")
@example("file", "file-\ud800")
def test_any_other_text_is_no_id(kind, text):
    """
    An id of a vendor, as a client may have kept one, finds nothing.
    """
    decoded = decode_id(kind, text)

    assert decoded is None or encode_id(kind, *decoded) == text


@given(st.data())
def test_an_object_has_one_id(data):
    """
    Other spellings of it are refused, so that they cannot pass by its owner.
    """
    public_id = encode_id("file", "openai", "file-abc123")
    position = data.draw(st.integers(5, len(public_id) - 1))
    changed = public_id[:position] + data.draw(st.sampled_from("aZ09-_= \n")) + public_id[position + 1 :]

    for other in (changed, f"{public_id}=", f"{public_id}\n", public_id[:-1], f" {public_id}", public_id.upper()):
        assert other == public_id or decode_id("file", other) is None


def test_an_id_is_of_one_kind():
    """
    A file cannot be asked for as a batch.
    """
    assert decode_id("batch", encode_id("file", "openai", "file-abc")) is None


def test_usual_ids_are_short():
    """
    Clients keep them in columns of limited length.
    """
    public_id = encode_id("file", "openai", "file-JN8x9qwTBrkV5zYhcP2Gs1")

    assert len(public_id) <= 64
    assert len(encode_id("batch", "openai", "batch_" + "0123456789abcdef" * 2)) <= 64


@pytest.mark.parametrize(("provider", "vendor_id"), [("", "1"), ("openai", ""), ("a\0b", "1"), ("openai", "\ud800")])
def test_invalid_parts_are_refused(provider, vendor_id):
    """
    They could not be told apart afterwards.
    """
    with pytest.raises(ValueError):  # noqa: PT011 - also a UnicodeEncodeError
        encode_id("file", provider, vendor_id)
