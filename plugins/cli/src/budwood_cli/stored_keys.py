"""Store, replace and remove keys on this machine. Only one process changes the index at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from budwood.credential_store import (
    DEFAULT_LABEL,
    KeyringUnavailableError,
    KeyTarget,
    Place,
    StoredKey,
    delete_secret,
    index_path,
    parse_label,
    read_index,
    read_secret,
    write_index,
    write_secret,
)
from budwood.errors import ConfigurationError
from budwood.names import normalise
from budwood.settings import user_folder
from budwood_cli.errors import ArgumentError, OutputError

_MAX_WAIT: Final = 30.0
"""Seconds to wait for another process that changes the index."""

_MAX_TOKEN: Final = 20_000
"""Characters of a key. Windows stores no longer ones."""

_MIN_SECRET: Final = 8


class Change(NamedTuple):
    """
    A change of the stored keys.

    Attributes:
        key: The key that was stored or removed.
        note: What the user should know besides; empty if there is nothing.
    """

    key: StoredKey
    note: str = ""


def stored_keys_path() -> Path:
    """Return the path of the index of stored keys. It may not exist."""
    return index_path(user_folder("config"))


def list_keys(provider: str | None = None) -> list[StoredKey]:
    """Return the stored keys, or those of one provider."""
    keys = read_index(stored_keys_path())
    return [key for key in keys if provider is None or key.provider == normalise(provider)]


def find_place() -> Place | None:
    """
    Return where keys are stored unless the user says otherwise: the keyring, or None without one.

    Raises:
        KeyringUnavailableError: The keyring is locked.
    """
    try:
        read_secret("budwood", DEFAULT_LABEL)
    except KeyringUnavailableError as error:
        if error.is_missing:
            return None
        error.hint = f"{str(error.hint).rstrip('.')}, or pass --store file."
        raise
    return "keyring"


def clean_token(text: str) -> str:
    """
    Return a key without the white space around it.

    Raises:
        ArgumentError: It is empty, or has characters that no key has.
    """
    token = text.removeprefix("\ufeff").strip()
    if not token:
        raise ArgumentError("The key is empty.", hint="Paste the key as the vendor shows it.")
    if len(token) > _MAX_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ArgumentError(
            "The key has characters that no key has, such as spaces or line breaks.",
            hint="Pass one key, without quotes and without the name of its variable.",
        )
    return token


def store_key(
    provider: str, token: str, place: Place, label: str = DEFAULT_LABEL, *, target: KeyTarget | None = None
) -> Change:
    """
    Store a key. To store the same key again at the same place changes at most where it may be sent.

    Args:
        provider: The name of the provider.
        token: The key.
        place: Where to store it.
        label: The name of the key among those of the provider.
        target: Where it may be sent; None if that is not known.

    Raises:
        ArgumentError: The label is not valid or belongs to another key, or the key is stored already.
        KeyringUnavailableError: The keyring cannot be used.
        ConfigurationError: The index cannot be read.
        OutputError: It cannot be written; everything is as before.
    """
    with _open_index() as (path, keys):
        new = _describe(provider, label, token, place, target)
        old = _find(keys, new.name)
        if old is not None and (old.place != place or _secret(old) != token):
            raise ArgumentError(
                f"{new.provider} already has a stored key {label!r}.",
                hint=f"Replace it with `budwood tokens rotate --provider {new.provider}{_option(label)}`, "
                "or store another beside it with --label.",
            )
        return _write(path, keys, old, new, token)


def replace_key(
    provider: str, token: str, place: Place, label: str = DEFAULT_LABEL, *, target: KeyTarget | None = None
) -> Change:
    """
    Replace a stored key; all others stay as they are. The arguments are those of `store_key`.

    Raises:
        ArgumentError: There is no such key, or the new one is stored already.
        KeyringUnavailableError: The keyring cannot be used.
        ConfigurationError: The index cannot be read.
        OutputError: It cannot be written; everything is as before.
    """
    with _open_index() as (path, keys):
        new = _describe(provider, label, token, place, target)
        old = _find(keys, new.name)
        if old is None:
            raise missing_key(new.provider, label, keys)
        change = _write(path, keys, old, new, token)
        others = {key for key in keys if key.name != new.name}
        if not others <= set(read_index(path)):
            raise OutputError(f"{path}: keys that were not changed are missing.", hint="Restore it from a backup.")
        return change


def remove_key(provider: str, label: str) -> Change:
    """
    Remove a stored key.

    An entry whose secret is in a keyring that does not exist any more is removed too.

    Raises:
        ArgumentError: There is no such key.
        KeyringUnavailableError: The keyring is locked. Nothing was removed.
        OutputError: The index cannot be written.
    """
    with _open_index() as (path, keys):
        key = _find(keys, (normalise(provider), label))
        if key is None:
            raise missing_key(normalise(provider), label, keys)
        note = ""
        if key.place == "keyring":
            note = _delete(key)
        write_index(path, [other for other in keys if other is not key])
        return Change(key, note)


def missing_key(provider: str, label: str, keys: Sequence[StoredKey]) -> ArgumentError:
    """Return the error for a key that is not stored; it names the labels that the provider has."""
    labels = ", ".join(key.label for key in keys if key.provider == provider)
    hint = f"Its labels are: {labels}." if labels else f"Store one with `budwood tokens add --provider {provider}`."
    return ArgumentError(f"{provider} has no stored key {label!r}.", hint=hint)


@contextmanager
def _open_index() -> Iterator[tuple[Path, tuple[StoredKey, ...]]]:
    """Lock the index against other processes, and read it."""
    from filelock import FileLock, Timeout

    path = stored_keys_path()
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(lock, timeout=_MAX_WAIT, mode=0o600):
            yield path, read_index(path)
    except Timeout:
        raise ConfigurationError(
            f"{path}: another process has been changing the stored keys for {_MAX_WAIT:.0f} s.",
            hint="Wait for it to end, and try again.",
        ) from None
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}.", hint="The stored keys are as before."
        ) from None


def _describe(provider: str, label: str, token: str, place: Place, target: KeyTarget | None) -> StoredKey:
    try:
        parse_label(label)
    except ValueError as error:
        raise ArgumentError(f"The label {error}.", hint="Choose another with --label.") from None
    if len(token) >= _MIN_SECRET and token in label:
        raise ArgumentError("The key is part of its label.", hint="Choose another label: labels are shown.")
    return StoredKey.create(normalise(provider), label, token, place, target)


def _write(path: Path, keys: Sequence[StoredKey], old: StoredKey | None, new: StoredKey, token: str) -> Change:
    """Write the secret and the index; if the second fails, the first is undone."""
    others = [key for key in keys if key.name != new.name]
    for other in others:
        if other.provider == new.provider and other.ending == new.ending and _secret(other) == token:
            raise ArgumentError(f"{new.provider} has the same key as {other.label!r}.", hint="Pass another key.")
    if new.place == "file":
        write_index(path, [*others, new])
        note = _delete(old) if old is not None and old.place == "keyring" else ""
        return Change(new, note)
    before = read_secret(*new.name)
    write_secret(*new.name, token)
    try:
        write_index(path, [*others, new])
    except BaseException:
        if before is None:
            delete_secret(*new.name)
        else:
            write_secret(*new.name, before)
        raise
    return Change(new)


def _delete(key: StoredKey) -> str:
    """Remove the secret of a key from the keyring. Without a keyring, return a note."""
    try:
        delete_secret(*key.name)
    except KeyringUnavailableError as error:
        if not error.is_missing:
            raise
        return "there is no keyring here: if the key was stored in one, it is still there"
    return ""


def _find(keys: Sequence[StoredKey], name: tuple[str, str]) -> StoredKey | None:
    return next((key for key in keys if key.name == name), None)


def _secret(key: StoredKey) -> str | None:
    """Return the secret of a key; None if the keyring does not have it or cannot be read."""
    if key.secret is not None:
        return key.secret.get_secret_value()
    try:
        return read_secret(*key.name)
    except KeyringUnavailableError:
        return None


def _option(label: str) -> str:
    return "" if label == DEFAULT_LABEL else f" --label {label!r}"
