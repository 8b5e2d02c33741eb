"""What proves to the server who sends a request."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr


class Credential(Protocol):
    """A key, or the access tokens of a login."""

    def find_token(self) -> str | None:
        """Return the token to send; None if it has to be renewed first."""
        ...

    def renew(self) -> str:
        """Return a new token. It may read files and send requests."""
        ...

    def discard(self, token: str) -> bool:
        """Forget a token that the server has refused; return whether another one may be accepted."""
        ...


class KeyCredential:
    """
    A key of the server.

    Args:
        key: The key.
    """

    def __init__(self, key: str) -> None:
        self._key = SecretStr(key)

    def find_token(self) -> str:
        """Return the key."""
        return self._key.get_secret_value()

    renew = find_token

    def discard(self, token: str) -> bool:
        """Return that there is no other key."""
        return False

    def __repr__(self) -> str:
        return "KeyCredential(…)"
