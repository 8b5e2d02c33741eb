"""What the page says after a change. Addresses contain only the names, so that no link can show another text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NOTICES: Final[Mapping[str, str]] = {
    "logged-out": "You are logged out.",
    "key-revoked": "The key is revoked. Every server refuses it within a second.",
    "token-added": "The token is stored. Every worker uses it within a second.",
    "token-rotated": "The token is replaced. Every worker uses the new one within a second.",
    "token-removed": "The token is removed. The vendor still accepts it: revoke it there, too.",
    "tokens-rewrapped": "All tokens are sealed with the newest master key.",
    "account-added": "The account can log in now.",
    "account-changed": "The account is changed. Its logins have ended.",
    "account-removed": "The account is removed.",
    "password-changed": "The password is changed. Log in with the new one.",
    "prompt-saved": "The prompt is saved as a new version.",
    "prompt-labelled": "The label names this version. Every server uses it within a second.",
    "prompt-unlabelled": "The label is removed.",
    "prompt-rolled-back": "The earlier version is saved again, as the newest one.",
    "prompt-deleted": "The prompt is deleted.",
    "documents-uploaded": "The documents are uploaded. Choose them in the form for a new run.",
    "document-deleted": "The document is deleted. Runs that were submitted with it have a copy.",
    "run-submitted": "The run is submitted. A worker executes it as soon as one is free.",
    "run-cancelled": "The run is cancelled. Its finished rows stay.",
    "run-resumed": "The run continues as soon as a worker is free.",
    "run-deleted": "The run is deleted with its rows.",
    "webhook-changed": "The endpoint is changed.",
    "webhook-paused": "The endpoint is paused. Its events are kept until it is active again.",
    "webhook-resumed": "The endpoint is active. The events that wait are being sent.",
    "webhook-deleted": "The endpoint is deleted.",
    "event-replayed": "The event is sent again, with the same id.",
    "events-replayed": "The events are sent again, with the same ids.",
    "settings-loaded": "The settings are loaded again.",
}


def find_notice(name: str | None) -> str | None:
    """Return the text of a notice; None if there is none of this name."""
    return NOTICES.get(name or "")
