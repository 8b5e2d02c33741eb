"""
Secrets in the keyring of the operating system: Keychain, Secret Service, KWallet or Windows Credential Manager.

The library is imported only by these functions, because it and its backends take longer than the rest of Budwood.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from budwood.errors import CredentialError

if TYPE_CHECKING:
    import keyring

SERVICE: Final = "budwood"
INSTALL_HINT: Final = "pip install keyring"


class KeyringUnavailableError(CredentialError):
    """
    The keyring cannot be used.

    Attributes:
        is_missing: Whether there is none, so that waiting or unlocking does not help.
    """

    def __init__(self, message: str, *, hint: str, is_missing: bool) -> None:
        super().__init__(message, hint=hint)
        self.is_missing = is_missing


def read_secret(provider: str, label: str) -> str | None:
    """
    Return a secret; None if the keyring has none of this name.

    Raises:
        KeyringUnavailableError: The keyring is locked or missing.
    """
    with _open_keyring() as backend:
        return backend.get_password(SERVICE, _user(provider, label))


def write_secret(provider: str, label: str, secret: str) -> None:
    """
    Store a secret, in place of an older one of the same name.

    Raises:
        KeyringUnavailableError: The keyring is locked or missing, or does not keep what it is given.
    """
    with _open_keyring() as backend:
        backend.set_password(SERVICE, _user(provider, label), secret)
        is_kept = backend.get_password(SERVICE, _user(provider, label)) == secret
    if not is_kept:  # such as the backend that disables keyrings
        raise _missing("The keyring of this system does not keep keys")


def delete_secret(provider: str, label: str) -> bool:
    """
    Remove a secret, and return whether there was one.

    Raises:
        KeyringUnavailableError: The keyring is locked or missing.
    """
    with _open_keyring() as backend:
        if backend.get_password(SERVICE, _user(provider, label)) is None:
            return False
        backend.delete_password(SERVICE, _user(provider, label))
        return True


def _user(provider: str, label: str) -> str:
    return f"{provider}/{label}"  # unambiguous, since names of providers have no slash


@contextmanager
def _open_keyring() -> Iterator[keyring.backend.KeyringBackend]:
    """Return the keyring, and describe its errors, whose classes depend on the backend."""
    try:
        import keyring
        from keyring.backends import null
        from keyring.errors import NoKeyringError
    except ImportError:
        raise KeyringUnavailableError(
            "The library keyring is not installed.", hint=f"{INSTALL_HINT}.", is_missing=True
        ) from None
    try:
        backend = keyring.get_keyring()
        if not isinstance(backend, null.Keyring):  # it discards what it is given
            yield backend
            return
        problem = ""
    except NoKeyringError:
        raise _missing("This system has no keyring, or it is not running") from None
    except Exception as error:  # noqa: BLE001 - backends raise errors of their own libraries, which may contain secrets
        problem = type(error).__name__
    if not problem:
        raise _missing("The keyring of this system is turned off")
    raise KeyringUnavailableError(
        f"The keyring of this system is locked or does not answer ({problem}).",
        hint="Unlock it, for example by logging in to the desktop.",
        is_missing=False,
    )


def _missing(problem: str) -> KeyringUnavailableError:
    return KeyringUnavailableError(
        f"{problem}.",
        hint="Start a keyring, such as gnome-keyring, or store the key in a file: `budwood tokens add --store file`.",
        is_missing=True,
    )
