"""The texts of API keys."""

from __future__ import annotations

import base64
import hashlib
import secrets
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_server.access.tokens import (
    MAX_CHARACTERS,
    WeakKeyError,
    check_strength,
    format_token,
    hash_secret,
    new_id,
    new_secret,
    parse_token,
)


def test_a_new_token_can_be_parsed():
    """
    It has the id, and a secret of 256 bits.
    """
    key_id, secret = new_id(), new_secret()

    assert parse_token(format_token(key_id, secret)) == (key_id, secret)
    assert len(key_id) >= 12
    assert 62 ** len(secret) >= 2**256
    assert key_id != new_id()
    assert secret != new_secret()


@given(st.text(max_size=2 * MAX_CHARACTERS))
def test_any_text_can_be_parsed(text):
    """
    Clients may send anything. What is too long is not looked up.
    """
    token = parse_token(text)

    assert (token is None) == (not 0 < len(text) <= MAX_CHARACTERS)
    if token is not None:
        assert token.key_id.isalnum()
        assert token.key_id.isascii()
        assert hash_secret(token.secret)


def test_the_id_of_a_token_of_another_form_depends_on_all_of_it():
    """
    Such a token may be an admin key that the user chose.
    """
    token = parse_token("my-own-key")

    assert token.key_id != parse_token("my-own-kez").key_id
    assert token.secret == "my-own-key"
    assert token.key_id != hash_secret(token.secret).hex()


def test_a_token_does_not_show_its_secret():
    """
    Neither in a traceback nor in a log.
    """
    secret = new_secret()

    assert secret not in repr(parse_token(format_token(new_id(), secret)))


def test_the_hash_is_sha_256():
    """
    It is stored for as long as the key exists, so that it must not change.
    """
    assert hash_secret("secret") == hashlib.sha256(b"secret").digest()


@pytest.mark.parametrize(
    "token",
    [
        "sk-1234",
        "admin",
        "",
        "a" * 64,
        "sk-1234" * 8,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "0123456789abcdef0123456789abcdef",
        "9876543210" * 4,
        "correct-admin-horse-battery-staple-9f3",
        "your-key-goes-here-9f3ac71b02de85f64471",
        "bw_live_aaaaaaaaaaaaaaaa_" + "a" * 43,
        "bw_live_abcdefghijklmnop_" + "abcdefghijk0123456789" * 2 + "x",
        "1f8e6a3c 9b7d4e2f 0a5c8b6d 3e9f7a1c",
        "x" * MAX_CHARACTERS + "y",
    ],
)
def test_weak_keys_are_refused(token):
    """
    The error says how to make a strong one, and does not quote the key.
    """
    with pytest.raises(WeakKeyError, match=r"^BUDWOOD: the key .*openssl rand") as error:
        check_strength(token, where="BUDWOOD")

    assert len(token) < 8 or token not in str(error.value)


def test_random_keys_are_strong():
    """
    In all usual forms: the gateway's own, hexadecimal, base64, UUID.
    """
    for _ in range(300):
        check_strength(format_token(new_id(), new_secret()), where="test")
        check_strength(secrets.token_hex(16), where="test")
        check_strength(secrets.token_hex(32), where="test")
        check_strength(base64.b64encode(secrets.token_bytes(32)).decode(), where="test")
        check_strength(str(uuid.uuid4()), where="test")
