"""Check, where webhooks arrive, that this server has sent them. Source: Standard Webhooks, version 1."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from budwood.errors import BudwoodError
from budwood_server.webhooks.signing import ID, SIGNATURE, TIMESTAMP, parse_secret, sign

TOLERANCE_SECONDS: Final = 300.0
"""Seconds by which the time of a request may differ from the present time."""

MAX_SIGNATURES: Final = 20
MAX_TIMESTAMP: Final = 12


class WebhookVerificationError(BudwoodError):
    """A request cannot be accepted as one of the server. Answer it with the status 400 or 401."""

    error_code = "webhook_verification"


class MissingHeaderError(WebhookVerificationError):
    """A header is missing or not valid."""


class TimestampError(WebhookVerificationError):
    """The request is too old, or its time has not come: it may be a copy of an earlier one."""


class SignatureError(WebhookVerificationError):
    """No signature is that of a secret."""


class PayloadError(WebhookVerificationError):
    """The signature is right, and the body is no JSON object."""


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Iterable[str],
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: datetime | None = None,
) -> dict[str, Any]:
    """
    Check the signature of a request, and return the event in it.

    Args:
        body: The body, exactly as it arrived: not JSON that was parsed and written again.
        headers: The headers; upper and lower case are the same.
        secret: The secret of the endpoint, ``whsec_…``, or several while one is replaced.
        tolerance: Seconds by which the time of the request may differ from now.
        now: The present moment; by default that of the clock.

    Returns:
        The event. An event may arrive several times, always with the same ``id``.

    Raises:
        MissingHeaderError: A header is missing or not valid.
        TimestampError: The time of the request is not within the tolerance.
        SignatureError: No signature is that of a secret.
        PayloadError: The body is no JSON object.
        ValueError: A secret is not valid, or there is none.
    """
    content = body.encode() if isinstance(body, str) else body
    message_id, timestamp, signatures = _read_headers(headers)
    secrets = [secret] if isinstance(secret, str) else list(secret)
    for each in secrets:
        parse_secret(each)
    if not secrets:
        raise ValueError("There is no secret. Pass the one that the server returned for the endpoint.")
    _check_time(timestamp, time.time() if now is None else now.timestamp(), tolerance)
    expected = [sign(each, message_id, timestamp, content) for each in secrets]
    found = [hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in signatures]
    if not any(found):
        raise SignatureError(
            "No signature of the request is that of the secret.",
            hint="Pass the body as it arrived, byte for byte, and the secret of this endpoint.",
        )
    return _read_event(content)


def _read_headers(headers: Mapping[str, str]) -> tuple[str, int, list[str]]:
    lower = {name.lower(): value for name, value in headers.items()}
    values = [lower.get(name) for name in (ID, TIMESTAMP, SIGNATURE)]
    for name, value in zip((ID, TIMESTAMP, SIGNATURE), values, strict=True):
        if not value:
            raise MissingHeaderError(
                f"The request has no header {name}.", hint="Only requests of a server with webhooks have it."
            )
    message_id, timestamp, signatures = (value or "" for value in values)
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MAX_TIMESTAMP):
        raise MissingHeaderError(f"The header {TIMESTAMP} is no number of seconds since 1970.")
    return message_id, int(timestamp), signatures.split()[:MAX_SIGNATURES]


def _check_time(timestamp: int, now: float, tolerance: float) -> None:
    difference = now - timestamp
    if abs(difference) > tolerance:
        when = f"{difference:.0f} s old" if difference > 0 else f"{-difference:.0f} s in the future"
        raise TimestampError(
            f"The request is {when}; {tolerance:g} s are allowed.",
            hint="Set the clock of this machine. If it is right, refuse the request: it may be a copy.",
        )


def _read_event(content: bytes) -> dict[str, Any]:
    try:
        event = json.loads(content)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise PayloadError("The body is no JSON object.", hint="The server sends JSON: is this its secret?")
    return event
