"""
The master keys, which seal the tokens of vendors: 32 random bytes in base64.

The first one seals. The others are older, and only open what they sealed, until it is sealed again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from budwood import Settings
from budwood.credential_store import KeyringUnavailableError, read_secret, write_secret
from budwood.errors import ConfigurationError

VARIABLE: Final = "BUDWOOD_MASTER_KEY"
COMMAND: Final = "budwood server master-key create"
KEY_BYTES: Final = 32
MAX_KEYS: Final = 16

_KEYRING_NAME: Final = ("", "server-master-key")
"""The name in the keyring. It is no name of a stored key: each of those begins with a provider."""

_MIN_DIFFERENT: Final = 16
"""The fewest different bytes of a key. Of 32 random bytes, about 30 are different."""

_OTHER_ALPHABET: Final = str.maketrans("-_", "+/")

Place = Literal["environment", "keyring"]


class MasterKeyError(ConfigurationError):
    """A master key is not valid, or cannot be read."""

    error_code = "master_key"


class NoMasterKeyError(MasterKeyError):
    """There is no master key, so that no token can be stored."""

    error_code = "no_master_key"

    def __init__(self) -> None:
        super().__init__(
            "There is no master key, so that no token can be sealed or opened.",
            hint=f"Create one with `{COMMAND}`, and set {VARIABLE} to it.",
        )


@dataclass(frozen=True, slots=True)
class MasterKey:
    """
    A master key.

    Attributes:
        id: Identifies it beside what it sealed: a part of a hash of it.
        secret: Its 32 bytes.
    """

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """
    The master keys of a server.

    Attributes:
        keys: The keys. There is at least one.
        place: Where they were found.
    """

    keys: Sequence[MasterKey]
    place: Place = "environment"

    @property
    def current(self) -> MasterKey:
        """The key that seals."""
        return self.keys[0]

    def find(self, key_id: str) -> MasterKey | None:
        """Return the key with an id; None if there is none."""
        return next((key for key in self.keys if key.id == key_id), None)

    def rotate(self) -> MasterKeys:
        """Return these keys after a new one."""
        return MasterKeys([parse_master_key(new_master_key(), where="the new key"), *self.keys], self.place)

    def to_text(self) -> str:
        """Return them as the variable and the keyring have them."""
        return ",".join(base64.b64encode(key.secret).decode() for key in self.keys)


def new_master_key() -> str:
    """Return the text of a random key."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def parse_master_key(text: str, *, where: str) -> MasterKey:
    """
    Return the key with a text: base64 in either alphabet, with or without padding.

    Args:
        text: The text.
        where: Where it was found, for the error.

    Raises:
        MasterKeyError: It is no such text, or could be guessed. The error does not contain it.
    """
    encoded = text.strip().rstrip("=").translate(_OTHER_ALPHABET)
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise MasterKeyError(
            f"{where}: a master key is not valid: it must be {KEY_BYTES} bytes in base64.",
            hint=f"`{COMMAND}` creates one. Several are separated by commas, the newest first.",
        )
    if len(set(secret)) < _MIN_DIFFERENT:
        raise MasterKeyError(
            f"{where}: a master key is not random, and can be guessed.", hint=f"`{COMMAND}` creates a random one."
        )
    return MasterKey(hashlib.sha256(b"budwood master key\0" + secret).hexdigest()[:16], secret)


def parse_master_keys(text: str, place: Place, *, where: str = VARIABLE) -> MasterKeys:
    """
    Return the keys of a text, in which they are separated by commas.

    Args:
        text: The text.
        place: Where it was found.
        where: Its name, for errors.

    Raises:
        MasterKeyError: A key is not valid, or there are too many. The error contains no key.
    """
    parts = [part for part in text.split(",") if part.strip()]
    if len(parts) > MAX_KEYS:
        raise MasterKeyError(
            f"{where}: there are more than {MAX_KEYS} master keys.",
            hint="Run `budwood server tokens rewrap`, and remove the older keys.",
        )
    keys = [parse_master_key(part, where=where) for part in parts or [""]]
    return MasterKeys(list({key.id: key for key in keys}.values()), place)


def find_master_keys(settings: Settings) -> MasterKeys:
    """
    Return the master keys of this machine: those of the variable, also in ``.env``, or else those of the keyring.

    It may take long, since a keyring may ask the user.

    Args:
        settings: The settings, which have the variables.

    Raises:
        NoMasterKeyError: There is none.
        MasterKeyError: One is not valid, or the keyring is locked.
    """
    for source in settings.sources:
        if text := source.variables.get(VARIABLE, "").strip():
            return parse_master_keys(text, "environment", where=f"{VARIABLE} ({source.name})")
    keys = read_keyring()
    if keys is None:
        raise NoMasterKeyError
    return keys


def read_keyring() -> MasterKeys | None:
    """
    Return the master keys of the keyring; None if there are none, or no keyring.

    Raises:
        MasterKeyError: One is not valid, or the keyring is locked.
    """
    try:
        text = read_secret(*_KEYRING_NAME)
    except KeyringUnavailableError as error:
        if error.is_missing:
            return None
        raise MasterKeyError(
            f"The master key cannot be read: {error.message}", hint=f"Unlock the keyring, or set {VARIABLE}."
        ) from None
    return parse_master_keys(text, "keyring", where="the keyring") if text else None


def write_keyring(keys: MasterKeys) -> None:
    """
    Store the master keys in the keyring, in place of those that it has.

    Raises:
        MasterKeyError: The keyring is locked, or there is none.
    """
    try:
        write_secret(*_KEYRING_NAME, keys.to_text())
    except KeyringUnavailableError as error:
        raise MasterKeyError(
            f"The master key cannot be stored: {error.message}", hint=f"Set {VARIABLE} instead: `{COMMAND}`."
        ) from None
