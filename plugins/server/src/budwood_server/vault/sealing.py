"""
Seal texts by AES-GCM (NIST SP 800-38D) with a random nonce of 96 bits.

What is sealed belongs to one place, such as a column of a row, which is its associated data: a copy at another place
cannot be opened. One key can seal 2 ** 32 texts before two nonces may be equal with a probability of 2 ** -32.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Final

from budwood.errors import BudwoodError
from budwood_server.vault.master_keys import VARIABLE, MasterKey, MasterKeys

VERSION: Final = 1
"""The version of the form: AES-256-GCM, and associated data as `_describe_place` writes it."""

NONCE_BYTES: Final = 12


class SealError(BudwoodError):
    """A sealed text cannot be opened."""

    error_code = "sealed"


@dataclass(frozen=True, slots=True)
class SealedText:
    """
    A sealed text, as columns of a table have it.

    Attributes:
        key_id: The id of the master key that sealed it.
        version: The version of the form.
        nonce: The nonce, which is random.
        ciphertext: The encrypted text with its tag of 16 bytes.
    """

    key_id: str
    version: int
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


def seal(text: str, key: MasterKey, *place: str) -> SealedText:
    """
    Seal a text.

    Args:
        text: The text.
        key: The master key.
        place: Where it belongs, such as the id of a row and the name of a column.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only servers with tokens need it

    nonce = os.urandom(NONCE_BYTES)
    data = _describe_place(key.id, VERSION, place)
    return SealedText(key.id, VERSION, nonce, AESGCM(key.secret).encrypt(nonce, text.encode(), data))


def unseal(sealed: SealedText, keys: MasterKeys, *place: str) -> str:
    """
    Return a sealed text.

    Args:
        sealed: The sealed text.
        keys: The master keys, of which one sealed it.
        place: Where it belongs, as it was sealed.

    Raises:
        SealError: No master key sealed it, it is damaged, or it belongs to another place.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if sealed.version != VERSION:
        raise SealError(
            f"It is sealed in the form {sealed.version}, which this program does not know.",
            hint="Update budwood-server.",
        )
    key = keys.find(sealed.key_id)
    if key is None:
        raise SealError(
            f"It is sealed with the master key {sealed.key_id}, which is not there.",
            hint=f"Add that key after the newest one, {VARIABLE}=NEWEST,OLDER, or store the token again.",
        )
    data = _describe_place(sealed.key_id, sealed.version, place)
    try:
        return AESGCM(key.secret).decrypt(sealed.nonce, sealed.ciphertext, data).decode()
    except (InvalidTag, ValueError):  # ValueError: a nonce or a ciphertext of a wrong length
        pass
    raise SealError(
        "What is stored is damaged, or was copied from another place.",
        hint="Restore the database from a backup, or remove the token and store it again.",
    )


def _describe_place(key_id: str, version: int, place: tuple[str, ...]) -> bytes:
    return json.dumps([key_id, version, *place]).encode()
