"""
Sign requests to webhooks. Source: Standard Webhooks, version 1 (HMAC-SHA256 with a secret of both sides).

A secret is the text ``whsec_`` and the base64 of 24 to 64 random bytes.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
_SIZES: Final = range(24, 65)

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
"""The headers of a request."""


def create_secret() -> str:
    """Return a new random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def parse_secret(secret: str) -> bytes:
    """
    Return the key of a secret.

    Raises:
        ValueError: It is no secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in _SIZES:
        raise ValueError(f"A secret is {PREFIX} and the base64 of {_SIZES.start} to {_SIZES.stop - 1} bytes.")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """
    Return the signature of a request.

    Args:
        secret: The secret.
        message_id: The header ``webhook-id``, which is the same for each attempt.
        timestamp: The header ``webhook-timestamp``: seconds since 1970.
        body: The body, exactly as it is sent.

    Raises:
        ValueError: The secret is not valid.
    """
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(parse_secret(secret), content, sha256).digest()).decode()


def sign_headers(keys: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove who sends a request: a signature for each secret that receivers may know."""
    signatures = " ".join(sign(secret, message_id, timestamp, body) for secret in keys)
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: signatures}


def make_headers(keys: Iterable[str], message_id: str, body: bytes) -> dict[str, str]:
    """Return all headers of a request that is sent now, with its signatures."""
    return {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "user-agent": "budwood",
        **sign_headers(keys, message_id, int(time.time()), body),
    }
