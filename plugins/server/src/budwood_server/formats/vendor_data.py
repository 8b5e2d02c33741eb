"""
What a vendor needs back, as a text that clients return without a change.

Parts of messages have data that their vendor needs back: signatures, encrypted reasoning, ids. The Responses API has a
field for it, ``encrypted_content``; other items get the field `FIELD`. In the Messages API it is the signature.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

from pydantic_core import from_json, to_json

from budwood.types.record import JSON

FIELD: Final = "provider_data"
"""The field of items and of their content that OpenAI's API does not have."""

PREFIX: Final = "bwd1."
"""How these texts begin. Those of vendors are base64, which has no full stop."""


class VendorData(NamedTuple):
    """
    What a vendor needs back.

    Attributes:
        provider: The vendor, as in `budwood.types.ReasoningPart`.
        data: Its data.
    """

    provider: str | None
    data: JSON


def encode_vendor_data(provider: str | None, data: JSON) -> str:
    """Return the text for the data of a vendor."""
    return PREFIX + base64.urlsafe_b64encode(to_json([provider, data])).decode()


def decode_vendor_data(text: object) -> VendorData | None:
    """Return the data in a text; None if it is something else, such as the encrypted content of another server."""
    if not isinstance(text, str) or not text.startswith(PREFIX):
        return None
    try:
        value = from_json(base64.urlsafe_b64decode(text.removeprefix(PREFIX)))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str | None):
        return None
    return VendorData(value[0], value[1])
