"""Where master keys are found, and which texts are master keys."""

from __future__ import annotations

import base64

import pytest

from budwood import Settings
from budwood_server.vault.master_keys import (
    MasterKeyError,
    NoMasterKeyError,
    find_master_keys,
    new_master_key,
    parse_master_key,
    parse_master_keys,
    write_keyring,
)
from tests.fake_keyring import use_fake_keyring

FIRST, SECOND = new_master_key(), new_master_key()


def load(tmp_path, variable="", dotenv=""):
    """
    Load settings with the variable, and with a file ``.env``.
    """
    if dotenv:
        (tmp_path / ".env").write_text(f"BUDWOOD_MASTER_KEY={dotenv}\n")
    return Settings.load(folder=tmp_path, environment={"BUDWOOD_MASTER_KEY": variable}, user_file=tmp_path / "none")


def test_a_key_is_32_random_bytes_in_base64():
    """
    Either alphabet, with or without padding, is the same key. Its id is no part of it.
    """
    secret = base64.b64decode(FIRST)
    texts = [FIRST, FIRST.rstrip("="), base64.urlsafe_b64encode(secret).decode(), f" {FIRST}\n"]
    keys = [parse_master_key(text, where="test") for text in texts]

    assert {key.secret for key in keys} == {secret}
    assert len({key.id for key in keys}) == 1
    assert keys[0].id not in secret.hex()
    assert FIRST not in repr(keys[0])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be 32 bytes"),
        (base64.b64encode(bytes(range(31))).decode(), "must be 32 bytes"),
        ("bw_live_0123456789abcdef_0123456789012345678901234567890123456789012", "must be 32 bytes"),
        ("correct horse battery staple", "must be 32 bytes"),
        (base64.b64encode(b"0123456701234567" * 2).decode(), "can be guessed"),
    ],
)
def test_other_texts_are_refused_without_being_quoted(text, problem):
    """
    Such as an admin key, from which no master key is made.
    """
    with pytest.raises(MasterKeyError, match=problem) as error:
        parse_master_keys(text, "environment")

    assert not text or text not in f"{error.value} {error.value.hint}"
    assert "budwood server master-key create" in str(error.value.hint)


def test_several_keys_are_separated_by_commas():
    """
    The first one seals. A key that is named twice is one.
    """
    keys = parse_master_keys(f"{FIRST}, {SECOND},{FIRST}", "environment")

    assert keys.current.secret == base64.b64decode(FIRST)
    assert keys.find(parse_master_key(SECOND, where="test").id) is not None
    assert len(keys.keys) == 2
    assert parse_master_keys(keys.to_text(), "environment") == keys


def test_a_rotated_list_begins_with_a_new_key():
    """
    The others can still open what they sealed.
    """
    before = parse_master_keys(FIRST, "environment")
    after = before.rotate()

    assert after.current not in before.keys
    assert list(after.keys[1:]) == list(before.keys)


def test_the_variable_precedes_the_keyring(tmp_path):
    """
    Also that of a file ``.env``.
    """
    with use_fake_keyring():
        write_keyring(parse_master_keys(SECOND, "keyring"))
        by_variable = find_master_keys(load(tmp_path, FIRST))
        by_keyring = find_master_keys(load(tmp_path))
        by_file = find_master_keys(load(tmp_path, dotenv=FIRST))

    assert (by_variable.to_text(), by_variable.place) == (FIRST, "environment")
    assert (by_keyring.to_text(), by_keyring.place) == (SECOND, "keyring")
    assert by_file.to_text() == FIRST


def test_without_a_key_the_error_names_the_command(tmp_path):
    """
    A missing keyring is no other error. A locked one is.
    """
    with use_fake_keyring() as keyring:
        for state in ("open", "missing"):
            keyring.state = state
            with pytest.raises(NoMasterKeyError) as error:
                find_master_keys(load(tmp_path))
            assert "`budwood server master-key create`" in str(error.value.hint)
        keyring.state = "locked"
        with pytest.raises(MasterKeyError, match="is locked") as error:
            find_master_keys(load(tmp_path))
    assert "sk-secret" not in str(error.value)
