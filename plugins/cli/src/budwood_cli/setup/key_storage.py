"""Save a new key in the keyring, or in a file that only its owner may read; and take it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from budwood.credential_store import DEFAULT_LABEL, StoredKey, read_secret
from budwood.errors import BudwoodError
from budwood_cli import questions, terminal
from budwood_cli.setup.answers import Store
from budwood_cli.stored_keys import find_place, list_keys, remove_key, replace_key, store_key, stored_keys_path

if TYPE_CHECKING:
    from budwood.credential_store import KeyTarget, Place


def choose_place(provider: str, store: Store | None, *, ask: bool) -> Place | None:
    """
    Return where to save the key of a provider; None for nowhere.

    It is the keyring if there is one. Otherwise the user is asked before the key is written to a file, unless the file
    already has a key of the provider.

    Args:
        provider: The provider.
        store: The answer of the option.
        ask: Whether to ask, and not only to say what would be asked.

    Raises:
        ArgumentError: The question cannot be asked.
        KeyringUnavailableError: The keyring is locked, or the option names it and there is none.
    """
    if store is Store.KEYRING:
        read_secret(provider, DEFAULT_LABEL)
        return "keyring"
    if store is not None:
        return "file" if store is Store.FILE else None
    if place := find_place():
        return place
    old = _find(provider)
    if not ask or (old is not None and old.place == "file"):
        return "file"
    question = f"Save the key in {terminal.short_path(stored_keys_path())}, which only you may read?"
    details = "There is no keyring that keeps the key."
    return "file" if questions.confirm(question, flag="--store file", details=details) else None


@dataclass
class KeyChange:
    """
    The key that is about to be saved.

    Attributes:
        provider: The provider.
        secret: The key.
        place: Where to save it.
        target: Where it may be sent; None if that is not known.
        is_needed: Whether the key is not saved there already, for this target.
        replaced: What is shown of the stored key that is lost, its end; None if there is none.
    """

    provider: str
    secret: str = field(repr=False)
    place: Place
    target: KeyTarget | None = None
    is_needed: bool = field(init=False)
    replaced: str | None = field(init=False)
    _old: StoredKey | None = field(init=False, repr=False)
    _old_secret: str | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._old = _find(self.provider)
        self._old_secret = None if self._old is None else _read(self._old)
        former = None if self._old is None else (self._old.place, self._old.target, self._old_secret)
        self.is_needed = former != (self.place, self.target, self.secret)
        self.replaced = f"…{self._old.ending}" if self._old is not None and self._old_secret != self.secret else None

    def apply(self) -> None:
        """
        Save the key. If that fails, everything is as before.

        Raises:
            BudwoodError: It cannot be saved.
        """
        save = store_key if self._old is None else replace_key
        old = _find(self.provider)  # another process may have saved it since the questions
        old_secret = None if old is None else _read(old)
        save(self.provider, self.secret, self.place, target=self.target)
        self._old, self._old_secret = old, old_secret

    def undo(self) -> None:
        """Restore the key as it was. If that fails, a note says so."""
        try:
            if self._old is None:
                remove_key(self.provider, DEFAULT_LABEL)
            elif self._old_secret is not None:
                replace_key(self.provider, self._old_secret, self._old.place, target=self._old.target)
        except BudwoodError as error:
            terminal.note(f"note: the stored key of {self.provider} could not be restored: {error}")


def confirm_replacement(change: KeyChange, *, yes: bool) -> bool:
    """
    Ask before a stored key is replaced by another one.

    Args:
        change: The key that is about to be saved.
        yes: Whether ``--yes`` was passed.

    Raises:
        ArgumentError: The question cannot be asked.
    """
    if change.replaced is None:
        return True
    question = f"Replace the stored key of {change.provider} ({change.replaced})?"
    return questions.confirm(question, flag="--yes", yes=yes)


def _find(provider: str) -> StoredKey | None:
    return next((key for key in list_keys(provider) if key.label == DEFAULT_LABEL), None)


def _read(key: StoredKey) -> str | None:
    """
    Return the secret of a key.

    Raises:
        KeyringUnavailableError: The keyring cannot be read.
    """
    return read_secret(*key.name) if key.secret is None else key.secret.get_secret_value()
