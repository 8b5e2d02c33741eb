"""
The keys that seal the logins of a file.

A master key of the user seals them, as it seals the tokens of vendors. Without one, a random key does, in a private
file of the user's state directory: a copy of the configuration directory, which has the logins, cannot be opened.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from budwood.credential_store import StoredKey, read_index, write_index
from budwood.errors import ConfigurationError
from budwood.settings import user_folder
from budwood_server.client.logins.locking import cannot_write, lock_file
from budwood_server.vault.master_keys import (
    VARIABLE,
    MasterKey,
    MasterKeyError,
    MasterKeys,
    new_master_key,
    parse_master_key,
    parse_master_keys,
    read_keyring,
)

FILE_NAME: Final = "login-key.json"

_NAME: Final = ("budwood-login", "key")
_COMMAND: Final = "budwood login URL"


class LoginKeys:
    """
    Finds keys, and creates the one of the file.

    ``.env`` of the current folder is not read: a login is used in all folders.

    Args:
        path: The file; by default that of the user.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path: Final = path or _find_folder() / FILE_NAME

    def choose(self) -> MasterKey:
        """
        Return the key that seals: that of the variable, of the keyring, or of the file, which is created.

        Raises:
            MasterKeyError: The variable is not valid.
            ConfigurationError: The file is damaged, or cannot be written.
        """
        keys = _read_variable() or _read_open_keyring()
        return keys.current if keys is not None else self._read_file() or self._create_file()

    def find(self, key_id: str) -> MasterKey | None:
        """
        Return the key with an id; None if it is not there. The keyring is opened only if no other place has it.

        Raises:
            MasterKeyError: The variable is not valid, or the keyring is locked.
            ConfigurationError: The file is damaged.
        """
        if (keys := _read_variable()) is not None and (key := keys.find(key_id)) is not None:
            return key
        if (key := self._read_file()) is not None and key.id == key_id:
            return key
        keys = read_keyring()
        return None if keys is None else keys.find(key_id)

    def _read_file(self) -> MasterKey | None:
        entries = read_index(self.path, command=_COMMAND)
        if not entries:
            return None
        try:
            secret = next(entry.secret for entry in entries if entry.name == _NAME and entry.secret is not None)
            return parse_master_key(secret.get_secret_value(), where=str(self.path))
        except (StopIteration, MasterKeyError):
            pass
        raise ConfigurationError(
            f"{self.path}: the key of the logins is damaged.", hint=f"Delete the file, and log in with `{_COMMAND}`."
        )

    def _create_file(self) -> MasterKey:
        with lock_file(self.path):
            if (key := self._read_file()) is not None:  # another process was faster
                return key
            text = new_master_key()
            entry = StoredKey.create(*_NAME, text, "file").model_copy(update={"ending": ""})
            try:
                write_index(self.path, [entry])
            except OSError as error:
                raise cannot_write(self.path, error) from None
            return parse_master_key(text, where=str(self.path))


def _read_variable() -> MasterKeys | None:
    text = os.environ.get(VARIABLE, "").strip()
    return parse_master_keys(text, "environment") if text else None


def _read_open_keyring() -> MasterKeys | None:
    try:
        return read_keyring()
    except MasterKeyError:  # a locked keyring
        return None


def _find_folder() -> Path:
    """Return the state directory, or one beside it where the system has one directory for state and configuration."""
    folder = user_folder("state")
    return folder.with_name(f"{folder.name}-keys") if folder == user_folder("config") else folder
