"""
The ids of files, batches and other objects that clients see: ``file-<text>``.

An id contains the provider that has the object and the vendor's own id, so that a look-up needs no table. It proves
nothing: `Ownership` tells who may use the object.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

FILE: Final = "file"
BATCH: Final = "batch"
RESPONSE: Final = "response"

PREFIXES: Final = {
    FILE: "file-",
    BATCH: "batch_",
    RESPONSE: "resp_",
}
"""How ids of each kind begin, as those of OpenAI and Anthropic do: some clients check it."""

_CHECKSUM_BYTES: Final = 2
_SEPARATOR: Final = b"\0"
_SHORTENED: Final = b"\1"
"""In place of the separator: the vendor's id begins as ours does, and that part is left out."""


class VendorObject(NamedTuple):
    """
    An object of a vendor.

    Attributes:
        provider: The configured provider that has it.
        vendor_id: The vendor's id.
    """

    provider: str
    vendor_id: str


def encode_id(kind: str, provider: str, vendor_id: str) -> str:
    """
    Return the public id of an object of a vendor.

    Args:
        kind: A key of `PREFIXES`.
        provider: The configured provider that has it.
        vendor_id: The vendor's id.

    Raises:
        ValueError: The provider or the id is empty, or cannot be encoded.
    """
    if not provider or not vendor_id or not provider.isprintable():
        raise ValueError("provider and vendor_id must be texts, and provider a printable one")
    prefix = PREFIXES[kind]
    rest = vendor_id.removeprefix(prefix)
    is_shortened = rest not in ("", vendor_id)
    content = b"".join(
        (provider.encode(), _SHORTENED if is_shortened else _SEPARATOR, (rest if is_shortened else vendor_id).encode())
    )
    return prefix + urlsafe_b64encode(_checksum(content) + content).rstrip(b"=").decode()


def decode_id(kind: str, public_id: str) -> VendorObject | None:
    """Return the object that a public id names; None if `encode_id` has not made it for this kind."""
    prefix = PREFIXES[kind]
    text = public_id.removeprefix(prefix)
    if text == public_id or not text.isascii():
        return None
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        checksum, content = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
        separator = _SHORTENED if _SHORTENED in content.partition(_SEPARATOR)[0] else _SEPARATOR
        provider, _, rest = (part.decode() for part in content.partition(separator))
        vendor_id = prefix + rest if separator == _SHORTENED else rest
        # An object has one id: other spellings of it, as base64 has them, are none.
        is_valid = checksum == _checksum(content) and encode_id(kind, provider, vendor_id) == public_id
    except (binascii.Error, ValueError):
        return None
    return VendorObject(provider, vendor_id) if is_valid else None


def _checksum(content: bytes) -> bytes:
    """Return some bytes that ids of vendors do not have by chance."""
    return (binascii.crc32(content) & 0xFFFF).to_bytes(_CHECKSUM_BYTES, "big")
