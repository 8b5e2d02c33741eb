"""Sealed logins, as the file of logins has them: text with the id of the key, the nonce and the ciphertext."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from budwood.errors import ConfigurationError
from budwood_server.vault.master_keys import MasterKeys
from budwood_server.vault.sealing import SealedText, SealError, seal, unseal

if TYPE_CHECKING:
    from budwood_server.client.logins.keys import LoginKeys

_PURPOSE: Final = "login"
"""Says in the associated data what was sealed, before the URL of the server."""


class _SealedLogin(BaseModel):
    """The fields of `SealedText` as JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, ser_json_bytes="base64", val_json_bytes="base64"
    )

    version: int
    key_id: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    nonce: bytes
    ciphertext: bytes


def seal_login(text: str, url: str, keys: LoginKeys) -> str:
    """
    Seal a login for the URL of its server.

    Raises:
        MasterKeyError: The variable with the master key is not valid.
        ConfigurationError: There is no key, and the file for it cannot be written; or a library is missing.
    """
    key = keys.choose()
    with _explain_missing_library():
        sealed = seal(text, key, _PURPOSE, url)
    return _SealedLogin(
        version=sealed.version, key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext
    ).model_dump_json()


def unseal_login(text: str, url: str, keys: LoginKeys) -> str:
    """
    Open a sealed login.

    Args:
        text: What `seal_login` returned.
        url: The URL of the server for which it was sealed.
        keys: The keys.

    Raises:
        SealError: It is damaged, was sealed for another server, or its key is not there.
        MasterKeyError: The variable with the master key is not valid, or the keyring is locked.
        ConfigurationError: The file with the key is damaged, or a library is missing.
    """
    try:
        fields = _SealedLogin.model_validate_json(text)
    except ValidationError:
        raise SealError("It is damaged.") from None
    key = keys.find(fields.key_id)
    sealed = SealedText(fields.key_id, fields.version, fields.nonce, fields.ciphertext)
    with _explain_missing_library():
        return unseal(sealed, MasterKeys([] if key is None else [key]), _PURPOSE, url)


@contextmanager
def _explain_missing_library() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise ConfigurationError(
            "Logins are encrypted by the library cryptography, which cannot be imported.",
            hint="Install it: pip install 'cryptography>=44'.",
        ) from None
