"""A keyring in memory, for tests in one process."""

from __future__ import annotations

import contextlib

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, NoKeyringError, PasswordDeleteError


class FakeKeyring(KeyringBackend):
    """
    A keyring in memory.

    Attributes:
        state: ``"open"``, ``"locked"``, ``"missing"``, or ``"forgetful"``: it keeps nothing.
    """

    priority = 1

    def __init__(self):
        super().__init__()
        self.secrets = {}
        self.state = "open"
        self.reads = 0

    def get_password(self, service, username):
        self._check()
        self.reads += 1
        return self.secrets.get((service, username))

    def set_password(self, service, username, password):
        self._check()
        if self.state != "forgetful":
            self.secrets[service, username] = password

    def delete_password(self, service, username):
        self._check()
        if (service, username) not in self.secrets:
            raise PasswordDeleteError("no such password")
        del self.secrets[service, username]

    def _check(self):
        if self.state == "locked":
            raise KeyringLocked("sk-secret is locked")
        if self.state == "missing":
            raise NoKeyringError("no backend")


@contextlib.contextmanager
def use_fake_keyring():
    """
    Replace the keyring of the system.
    """
    before = keyring.get_keyring()
    fake = FakeKeyring()
    keyring.set_keyring(fake)
    try:
        yield fake
    finally:
        keyring.set_keyring(before)
