"""Tokens of vendors."""

from __future__ import annotations

from pydantic import BaseModel

from budwood_server.vault.tokens import VendorToken


class TokenReply(VendorToken):
    """
    A stored token, without its text.

    Attributes:
        problem: Why the worker that answers does not use it, or null.
    """

    problem: str | None = None


class RewrappedSecretsReply(BaseModel):
    """
    What sealing the secrets of webhooks again has done.

    Attributes:
        rewrapped: How many are now sealed with the newest master key.
        unchanged: How many were sealed with it before.
        failed: The ids of the endpoints of those that cannot be opened, which are as before.
    """

    rewrapped: int
    unchanged: int
    failed: list[str]


class RewrapReply(BaseModel):
    """
    What sealing the tokens again has done.

    Attributes:
        master_key: The id of the newest master key.
        rewrapped: How many tokens are now sealed with it.
        unchanged: How many were sealed with it before.
        failed: Those that cannot be opened, which are as before.
        webhook_secrets: The same for the secrets of webhooks.
    """

    master_key: str
    rewrapped: int
    unchanged: int
    failed: list[TokenReply]
    webhook_secrets: RewrappedSecretsReply
