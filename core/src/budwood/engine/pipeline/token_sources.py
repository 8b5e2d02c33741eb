"""
Tokens that expire, for vendors who want one in place of a key.

Providers do no I/O, so they only name the source (`budwood.contracts.TokenProvider`). It is asked here, as an effect,
before the first call and before a token expires.
"""

from __future__ import annotations

import threading
from typing import Final

from budwood.contracts import TokenSource
from budwood.engine.chat.functions import is_async
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.errors import BudwoodError, CredentialError
from budwood.types import AccessToken, Credential

MARGIN: Final = 300.0
"""A token is renewed so many seconds before it expires: no call shall outlast it on its way."""


class Tokens:
    """
    The token of one endpoint. Safe to use from several threads, of which only one asks the source.

    Args:
        name: The endpoint's name, for errors.
        source: Gets tokens.
    """

    def __init__(self, name: str, source: TokenSource) -> None:
        self._name = name
        self._source = source
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._used_before = False

    def credential(self, now: float) -> Flow[Credential]:
        """
        Return the token of now, asking for one where there is none that lasts.

        Args:
            now: Seconds since 1970.

        Raises:
            CredentialError: The source failed. Nothing was sent.
        """
        token = self._lasting(now, MARGIN)
        self._used_before = token is not None
        if token is None:
            if is_async(self._source):
                token = yield Invoke(lambda: self._renew_async(now), awaitable=True)
            else:
                token = yield Invoke(lambda: self._renew(now))
        return Credential(secret=token.secret, label="token", kind="token")

    def refused(self) -> bool:
        """Forget a token that the vendor refused. Returns whether it was an old one, so that a new one may do."""
        self._token = None
        return self._used_before

    @property
    def secret(self) -> str:
        """The token that was used last, so that it can be taken out of errors."""
        return self._token.secret.get_secret_value() if self._token else ""

    def _lasting(self, now: float, margin: float) -> AccessToken | None:
        """Return the token if it lasts. One that does not say how long serves only the call that asked for it."""
        token = self._token
        if token is None or token.expires_at is None or token.expires_at - margin <= now:
            return None
        return token

    def _renew(self, now: float) -> AccessToken:
        with self._lock:
            if token := self._lasting(now, MARGIN):
                return token  # another thread was faster
            try:
                return self._keep(self._source())
            except Exception as error:  # noqa: BLE001 - whatever users' code and vendors' libraries raise
                return self._old_or_failure(now, error)

    async def _renew_async(self, now: float) -> AccessToken:
        try:
            return self._keep(await self._source())  # type: ignore[misc]  # `is_async` has seen to that
        except Exception as error:  # noqa: BLE001 - the same
            return self._old_or_failure(now, error)

    def _keep(self, token: object) -> AccessToken:
        if not isinstance(token, AccessToken) or not token.secret.get_secret_value().strip():
            raise CredentialError(f"{self._name}: the token source gave no token.")
        self._token = token
        return token

    def _old_or_failure(self, now: float, error: Exception) -> AccessToken:
        """Go on with a token that still lasts a little, or say that there is none."""
        if token := self._lasting(now, 0.0):
            return token
        if isinstance(error, BudwoodError):
            raise error
        raise CredentialError(
            f"{self._name}: no token could be got: {type(error).__name__}.",
            hint="The cause is chained to this error: see what the token source says.",
        ) from error
