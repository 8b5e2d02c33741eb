"""
The logins of one user: in the system's keyring, or sealed in a file that only the user may read.

The index is ``logins.json`` in the user's configuration directory, in the form of the index of stored keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer

from budwood.credential_store import (
    KeyringUnavailableError,
    KeyTarget,
    Place,
    StoredKey,
    delete_secret,
    read_index,
    read_secret,
    write_index,
    write_secret,
)
from budwood.errors import ConfigurationError, CredentialError
from budwood_server.client.logins.keys import LoginKeys
from budwood_server.client.logins.locking import cannot_write, lock_file
from budwood_server.client.logins.sealing import seal_login, unseal_login
from budwood_server.client.urls import PLUGIN, find_origin
from budwood_server.vault.sealing import SealError

FILE_NAME: Final = "logins.json"

_OWNER: Final = "budwood-login"
"""Stands for the name of a provider in the index and in the keyring."""

_COMMAND: Final = "budwood login URL"


class UnreadableLoginError(CredentialError):
    """A stored login cannot be used any more: it is damaged, or its key or its entry in the keyring is gone."""


class Login(BaseModel):
    """
    A login with its tokens.

    Attributes:
        url: The URL of the server, as `budwood_server.client.urls.parse_url` returns it.
        account: The name of the account.
        access_token: What requests are sent with.
        expires_at: When it ends, in seconds since 1970.
        refresh_token: What gets the next tokens, once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    account: str
    access_token: SecretStr
    expires_at: Annotated[float, Field(allow_inf_nan=False)]
    refresh_token: SecretStr

    @field_serializer("access_token", "refresh_token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


class LoginStore:
    """
    Stores logins. Each is found by the URL of its server, and its tokens are sent nowhere else.

    Args:
        folder: The user's configuration directory.
        keys: The keys that seal logins of the file; by default those of the user.
    """

    def __init__(self, folder: Path, keys: LoginKeys | None = None) -> None:
        self.path: Final = folder / FILE_NAME
        self._keys = keys or LoginKeys()

    def list_urls(self) -> Sequence[str]:
        """
        Return the URLs of the servers with a login. The keyring is not opened.

        Raises:
            ConfigurationError: The index cannot be read.
        """
        return [entry.label for entry in self._read()]

    def find_place(self, url: str) -> Place | None:
        """Return where the login of a server is stored; None without one. The keyring is not opened."""
        entry = self._find(url)
        return None if entry is None else entry.place

    def lock(self) -> AbstractContextManager[None]:
        """
        Keep other processes from changing logins.

        Raises:
            ConfigurationError: One has been changing them for a minute, or the directory cannot be written.
        """
        return lock_file(self.path)

    def prepare(self, place: Place) -> None:
        """
        Check that a login can be stored, before tokens are fetched that would be lost otherwise.

        Raises:
            ConfigurationError: There is no key that seals it, and the file for one cannot be written.
        """
        if place == "file":
            self._keys.choose()

    def load(self, url: str) -> Login:
        """
        Return the login of a server.

        Raises:
            UnreadableLoginError: It is damaged, or its key or its entry in the keyring is gone.
            CredentialError: There is none, or the keyring cannot be read.
            ConfigurationError: The index or the file with the key cannot be read.
        """
        entry = self._find(url)
        if entry is None:
            raise CredentialError(f"There is no login for {url}.", hint=f"Log in with `budwood login {url}`.")
        text = entry.secret.get_secret_value() if entry.secret is not None else read_secret(*entry.name)
        problem = "is not in the keyring."
        if text is not None:
            try:
                return self._parse(text, entry)
            except SealError as error:
                problem = f"cannot be opened. {error.message}"
        raise UnreadableLoginError(f"The login for {url} {problem}", hint=f"Log in again with `budwood login {url}`.")

    def _parse(self, text: str, entry: StoredKey) -> Login:
        """
        Return the login of a text, which is not sealed in the keyring, and in a file of an earlier version.

        Raises:
            SealError: It is damaged.
        """
        login = _parse_login(text)
        if login is None and entry.place == "file":
            login = _parse_login(unseal_login(text, entry.label, self._keys))
        if login is None or login.url != entry.label:
            raise SealError("It is damaged.")
        return login

    def save(self, login: Login, place: Place) -> None:
        """
        Store a login, in place of an earlier one of the server. Call it inside `lock`.

        Raises:
            KeyringUnavailableError: The keyring cannot be used.
            ConfigurationError: The file cannot be written, its key cannot be used, or the URL is too long.
        """
        text, name = login.model_dump_json(), (_OWNER, login.url)
        target = KeyTarget(PLUGIN, find_origin(login.url))
        secret = seal_login(text, login.url, self._keys) if place == "file" else text
        try:
            new = StoredKey.create(*name, secret, place, target).model_copy(update={"ending": ""})
        except ValidationError:
            new = None
        if new is None:
            raise ConfigurationError(f"The URL {login.url} is too long.", hint="Use one with at most 100 characters.")
        if place == "keyring":
            write_secret(*name, text)
        old = self._find(login.url)
        if old is None or place == "file" or old.place != place:
            self._write([*(entry for entry in self._read() if entry.name != new.name), new])
        if old is not None and old.place == "keyring" and place == "file":
            _forget(old)

    def remove(self, url: str) -> None:
        """
        Remove the login of a server, if there is one. Call it inside `lock`.

        Raises:
            KeyringUnavailableError: The keyring is locked. Nothing was removed.
            ConfigurationError: The file cannot be written.
        """
        if (entry := self._find(url)) is None:
            return
        if entry.place == "keyring":
            _forget(entry)
        self._write([other for other in self._read() if other.name != entry.name])

    def _find(self, url: str) -> StoredKey | None:
        return next((entry for entry in self._read() if entry.label == url), None)

    def _read(self) -> tuple[StoredKey, ...]:
        return read_index(self.path, command=_COMMAND)

    def _write(self, entries: Sequence[StoredKey]) -> None:
        try:
            write_index(self.path, entries)
        except OSError as error:
            raise cannot_write(self.path, error) from None


def _forget(entry: StoredKey) -> None:
    try:
        delete_secret(*entry.name)
    except KeyringUnavailableError as error:
        if not error.is_missing:
            raise


def _parse_login(text: str) -> Login | None:
    try:
        return Login.model_validate_json(text)
    except ValidationError:
        return None
