"""Find the stored keys of a provider."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import SecretStr

from budwood.credential_store.index import DEFAULT_LABEL, StoredKey, index_path, read_index
from budwood.credential_store.system_keyring import KeyringUnavailableError, read_secret
from budwood.errors import CredentialError
from budwood.settings_sources import Table


class StoredKeys:
    """
    The stored keys of one user. The index is read once, when it is first needed.

    Args:
        folder: The user's configuration directory.
    """

    def __init__(self, folder: Path) -> None:
        self._path = index_path(folder)
        self._keys: tuple[StoredKey, ...] | None = None

    def keys_of(self, provider: str) -> list[StoredKey]:
        """
        Return the entries of a provider in the index.

        Raises:
            ConfigurationError: The index cannot be read.
        """
        if self._keys is None:
            self._keys = read_index(self._path)
        return [key for key in self._keys if key.provider == provider]

    def settings_of(self, provider: str, variables: Sequence[str] = ()) -> Table:
        """
        Return the stored keys of a provider in the form of its section of the settings; empty if there are none.

        Args:
            provider: The normalised name of the instance.
            variables: The environment variables for its key, for errors.

        Raises:
            ConfigurationError: The index cannot be read.
            CredentialError: A key is in the keyring, and that cannot be read.
        """
        keys = self.keys_of(provider)
        if [key.label for key in keys] == [DEFAULT_LABEL]:
            return {"api_key": _secret_of(keys[0], variables)}
        if keys:
            return {"keys": [{"label": key.label, "secret": _secret_of(key, variables)} for key in keys]}
        return {}


def key_variables(provider: str, vendor_variables: Iterable[str] = ()) -> tuple[str, ...]:
    """
    Return the environment variables for the key of a provider.

    Args:
        provider: The normalised name of the instance.
        vendor_variables: The vendor's own, if the instance reads them.
    """
    return *vendor_variables, f"BUDWOOD_PROVIDERS__{provider.upper().replace('-', '_')}__API_KEY"


def describe_cures(provider: str, variables: Iterable[str], login_command: str = "") -> str:
    """
    Return what to do about a missing key: the variables that it can be in, and the command that stores it.

    Args:
        provider: The normalised name of the instance.
        variables: The environment variables for its key.
        login_command: The command that makes a key unnecessary; empty without one.
    """
    from importlib.util import find_spec

    cures = [f"Set {' or '.join(variables)}"]
    if find_spec("budwood_cli") is not None:
        cures.append(f"run `budwood tokens add --provider {provider}`")
    if login_command:
        cures.append(f"run `{login_command}`")
    return f"{', '.join(cures)}, or pass api_key=…."


def _secret_of(key: StoredKey, variables: Sequence[str]) -> SecretStr:
    if key.secret is not None:
        return key.secret
    subject = f"{key.provider}: the stored key {key.label!r} is in the system's keyring"
    otherwise = f"set {' or '.join(variables)}" if variables else "pass api_key=…"
    try:
        secret = read_secret(key.provider, key.label)
    except KeyringUnavailableError as error:
        message = f"{error.message[:1].lower()}{error.message[1:]}"
        hint = f"{str(error.hint).rstrip('.')}, or {otherwise}."
        raise CredentialError(f"{subject}, which cannot be read: {message}", hint=hint) from None
    if secret is None:
        option = "" if key.label == DEFAULT_LABEL else f" --label '{key.label}'"
        raise CredentialError(
            f"{subject}, which does not have it.",
            hint=f"Store it again with `budwood tokens rotate --provider {key.provider}{option}`, or {otherwise}.",
        )
    return SecretStr(secret)
