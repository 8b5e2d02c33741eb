"""Sealed texts, and what damages them."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_server.vault.master_keys import new_master_key, parse_master_keys
from budwood_server.vault.sealing import SealError, seal, unseal

SECRET = "sk-proj-0123456789abcdef"
PLACE = ("tok_1", "ciphertext", "openai")
KEYS = parse_master_keys(new_master_key(), "environment")


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_sealed_text_can_be_opened_at_its_place(text, place):
    """
    Any text at any place.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert unseal(seal(text, KEYS.current, *place), KEYS, *place) == text


def test_nothing_sealed_is_the_same_twice(keys):
    """
    The nonce of 96 bits is random, and the text is nowhere in clear.
    """
    sealed = [seal(SECRET, keys.current, *PLACE) for _ in range(50)]

    assert len({each.nonce for each in sealed}) == len({each.ciphertext for each in sealed}) == 50
    assert {len(each.nonce) for each in sealed} == {12}
    assert {len(each.ciphertext) for each in sealed} == {len(SECRET) + 16}
    assert SECRET.encode() not in pickle.dumps(sealed)
    assert "ciphertext" not in repr(sealed[0])


@pytest.mark.parametrize(
    "place", [("tok_2", *PLACE[1:]), ("tok_1", "other", "openai"), (*PLACE[:2], "groq"), ("tok_1", "ciphertext")]
)
def test_a_copy_at_another_place_cannot_be_opened(keys, place):
    """
    In another row or column, or for another provider.
    """
    with pytest.raises(SealError, match="was copied from another place"):
        unseal(seal(SECRET, keys.current, *PLACE), keys, *place)


def test_places_are_told_apart():
    """
    Whatever characters their parts have.
    """
    sealed = seal(SECRET, KEYS.current, "a", "b")
    for other in (("ab",), ("a", "", "b"), ('a", "b',), ("a\0b",)):
        with pytest.raises(SealError):
            unseal(sealed, KEYS, *other)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 20, 39])
def test_a_truncated_text_cannot_be_opened(keys, length):
    """
    Whatever is missing.
    """
    sealed = seal(SECRET, keys.current, *PLACE)
    assert length < len(sealed.ciphertext)

    with pytest.raises(SealError, match="is damaged") as error:
        unseal(replace(sealed, ciphertext=sealed.ciphertext[:length]), keys, *PLACE)
    assert "backup" in str(error.value.hint)


@given(st.integers(0, 8 * (len(SECRET) + 16) - 1))
def test_no_bit_can_be_changed(bit):
    """
    Of the text or of its tag.
    """
    sealed = seal(SECRET, KEYS.current, *PLACE)
    changed = bytearray(sealed.ciphertext)
    changed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(SealError):
        unseal(replace(sealed, ciphertext=bytes(changed)), KEYS, *PLACE)


@pytest.mark.parametrize("nonce", [b"", b"1234", bytes(12), bytes(200)])
def test_a_wrong_nonce_is_a_damage(keys, nonce):
    """
    Also one of a length that no nonce has.
    """
    with pytest.raises(SealError, match="is damaged"):
        unseal(replace(seal(SECRET, keys.current, *PLACE), nonce=nonce), keys, *PLACE)


def test_another_master_key_is_named(keys):
    """
    By its id. An older key still opens what it sealed. An id that is not true is a damage.
    """
    sealed = seal(SECRET, keys.current, *PLACE)
    newer = keys.rotate()
    other = parse_master_keys(new_master_key(), "environment")

    assert unseal(sealed, newer, *PLACE) == SECRET
    with pytest.raises(SealError, match=keys.current.id) as error:
        unseal(sealed, other, *PLACE)
    assert "BUDWOOD_MASTER_KEY=NEWEST,OLDER" in str(error.value.hint)
    with pytest.raises(SealError, match="is damaged"):
        unseal(replace(sealed, key_id=other.current.id), other, *PLACE)


def test_a_newer_form_is_not_guessed(keys):
    """
    A later version of the program may seal otherwise.
    """
    sealed = seal(SECRET, keys.current, *PLACE)

    with pytest.raises(SealError, match="form 2") as error:
        unseal(replace(sealed, version=2), keys, *PLACE)
    assert str(error.value.hint) == "Update budwood-server."
