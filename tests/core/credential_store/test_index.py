"""The file with the index of stored keys."""

from __future__ import annotations

import contextlib
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import ConfigurationError
from budwood.credential_store import StoredKey, index_path, read_index, write_index
from budwood.settings import user_folder

SECRET = "sk-0123456789abcdef"

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


@pytest.fixture
def path(tmp_path):
    """
    The path of the index in a folder that does not exist yet.
    """
    return index_path(tmp_path / "config")


def in_file(provider="openai", label="default", secret=SECRET):
    """Return a key that is in the file."""
    return StoredKey.create(provider, label, secret, "file")


def test_without_a_file_there_are_no_keys(path):
    """
    Neither a missing file nor a missing folder is an error.
    """
    assert read_index(path) == ()


def test_keys_are_read_as_they_were_written(path):
    """
    The file has the secrets of its own keys only.
    """
    keys = (in_file(), StoredKey.create("Groq", "work", SECRET, "keyring"))

    write_index(path, keys)

    assert read_index(path) == (keys[1], keys[0])
    assert path.read_text().count(SECRET) == 1


@posix
def test_only_the_owner_may_read_the_file(path):
    """
    The file has mode 0600 and its folder 0700, whatever the file's mode was before.
    """
    write_index(path, [in_file()])
    path.chmod(0o644)
    write_index(path, [in_file()])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix
def test_file_that_others_may_read_is_mended(path):
    """
    Its mode becomes 0600, and a warning says that others could read it.
    """
    write_index(path, [in_file()])
    path.chmod(0o640)

    with pytest.warns(UserWarning, match=r"credentials\.json: other users could read .* was 0640.*replace the keys"):
        assert read_index(path) == (in_file(),)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_file_of_someone_else_is_refused(path, monkeypatch):
    """
    If its mode cannot be changed, the keys are not used.
    """
    write_index(path, [in_file()])
    path.chmod(0o644)

    def refuse(self, mode):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(type(path), "chmod", refuse)
    with pytest.raises(
        ConfigurationError, match=r"other users may read the stored keys \(its mode is 0644\).*chmod 600"
    ):
        read_index(path)


@posix
def test_link_to_the_file_stays_a_link(path, tmp_path):
    """
    Users keep such files elsewhere.
    """
    target = tmp_path / "elsewhere.json"
    target.write_text("{}")
    path.parent.mkdir()
    path.symlink_to(target)

    write_index(path, [in_file()])

    assert path.is_symlink()
    assert SECRET in target.read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "damaged"),
        ('{"version": 1, "keys": [{"provider": "openai", "secret": "sk-012345', "damaged"),
        ("[]", "damaged"),
        ("\x00" * 100, "damaged"),
        ('{"version": 2}', "'version'"),
        ('{"keys": [{"provider": "openai", "place": "file"}]}', "must have a secret"),
        ('{"keys": [{"provider": "openai", "place": "keyring", "secret": "sk-0123"}]}', "must have a secret"),
        ('{"keys": [{"provider": "", "place": "keyring"}]}', "keys.0.provider"),
        ('{"keys": [{"provider": "a", "label": "\\u001b[31m", "place": "keyring"}]}', "printable"),
        ('{"keys": [{"provider": "a", "place": "keyring"}, {"provider": "A", "place": "keyring"}]}', "same label"),
        ('{"keys": [{"provider": "a", "place": "sk-0123"}]}', "'keyring' or 'file'"),
    ],
)
def test_damaged_file_is_an_error_without_secrets(path, content, message):
    """
    It names the file, and contains none of its secrets.
    """
    path.parent.mkdir()
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match=message) as caught:
        read_index(path)

    assert str(path) in str(caught.value)
    assert "sk-0123" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@given(data=st.binary(max_size=200))
def test_any_content_is_read_or_rejected(tmp_path_factory, data):
    """
    No content crashes a program.
    """
    path = tmp_path_factory.mktemp("index") / "credentials.json"
    path.touch(0o600)
    path.write_bytes(data)
    with contextlib.suppress(ConfigurationError):
        read_index(path)


@pytest.mark.parametrize("label", ["", " a", "a\n", "\x1b[2J", "\u202e", "x" * 101, "\ud800"])
def test_label_that_cannot_be_shown_is_rejected(label):
    """
    Labels are printed at terminals and in logs.
    """
    with pytest.raises(ValueError, match="printable"):
        StoredKey.create("openai", label, SECRET, "keyring")


def test_end_of_a_short_key_is_not_kept():
    """
    The last four characters would be much of it.
    """
    assert StoredKey.create("openai", "default", "sk-1234", "keyring").ending == ""
    assert StoredKey.create("openai", "default", SECRET, "keyring").ending == "cdef"


def test_secrets_are_not_in_reprs():
    """
    Neither of the key nor of a tuple of keys.
    """
    assert SECRET not in repr((in_file(),))


def test_variable_replaces_the_configuration_directory(monkeypatch, tmp_path):
    """
    A relative path is one in the current folder.
    """
    monkeypatch.setenv("BUDWOOD_CONFIG_DIR", "here")

    assert user_folder("config") == tmp_path / "here"
