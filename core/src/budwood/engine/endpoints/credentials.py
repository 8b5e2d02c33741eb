"""
The credential of an attempt: a key, or a token that expires.

Providers do no I/O, so they only return the source of tokens (`budwood.contracts.TokenProvider`). It is called here, as
an effect, before the first request and before a token expires.
"""

from __future__ import annotations

import copy
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import SecretStr

from budwood.contracts import TokenSource
from budwood.engine.chat.functions import is_async
from budwood.engine.drivers.effects import Flow, Invoke, InvokeTimeout, Wait
from budwood.engine.drivers.latch import Latch
from budwood.errors import BudwoodError, CredentialError, RequestTimeoutError
from budwood.types import AccessToken, Credential

if TYPE_CHECKING:
    import asyncio

    from budwood.engine.pipeline.call import Call

REFRESH_MARGIN: Final = 300.0
"""Seconds before its expiry at which a token is renewed, so that it does not expire in flight."""


def check_secret(secret: SecretStr, subject: str) -> None:
    """
    Check that a key or token has no white space around it.

    Args:
        secret: The key or token.
        subject: Its name in the error.

    Raises:
        CredentialError: It has white space around it. Nothing was sent.
    """
    text = secret.get_secret_value()
    if text != text.strip():
        raise CredentialError(
            f"{subject} begins or ends with white space.", hint="Remove the spaces and line breaks around it."
        )


class Lease(NamedTuple):
    """
    The credential of one attempt.

    Attributes:
        credential: The credential that `authorize` receives.
        is_new: Whether it was fetched for this attempt. If not, a rejected token may have expired.
        group: The name of the group that it shares its quota with, if the endpoint has several keys or groups. It is
            unique in the process.
    """

    credential: Credential
    is_new: bool = False
    group: str | None = None


class _Fetch:
    """
    One call of an async source, which all attempts that need a token at the time share.

    Attributes:
        done: Set to the token or to the error; to None if the attempt that fetched was cancelled.
        loop: The event loop that performs it; None until it has started.
    """

    __slots__ = ("done", "loop")

    def __init__(self) -> None:
        self.done = Latch()
        self.loop: asyncio.AbstractEventLoop | None = None

    def is_dead(self) -> bool:
        """Tell whether it will never end, because its event loop was closed."""
        return self.loop is not None and self.loop.is_closed()


class TokenCache:
    """
    The token of one endpoint. Safe to use from several threads and tasks; only one of them at a time calls the source.

    Args:
        name: The endpoint's name, for errors.
        source: Returns tokens.
    """

    def __init__(self, name: str, source: TokenSource) -> None:
        self._name = name
        self._source = source
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._fetch: _Fetch | None = None

    def lease(self, call: Call) -> Flow[Lease]:
        """
        Return the current token; if there is none that lasts, get one from the source.

        Raises:
            CredentialError: The source failed. Nothing was sent.
            RequestTimeoutError: The source took longer than the call may.
        """
        now = call.clock.time()
        token = self._valid_token(now, REFRESH_MARGIN)
        is_new = token is None
        if token is None:
            try:
                if is_async(self._source):
                    token = yield from self._fetch_shared(call, now)
                else:
                    token = yield Invoke(lambda: self._renew(now), timeout=call.seconds_left())
            except InvokeTimeout:
                raise RequestTimeoutError(
                    "The token source took longer than the timeout of the call.",
                    phase="deadline",
                    hint="Raise timeout=… if it needs the time.",
                ) from None
        return Lease(Credential(secret=token.secret, label="token", kind="token"), is_new)

    def _fetch_shared(self, call: Call, now: float) -> Flow[AccessToken]:
        """Ask the async source, or wait for an attempt that already does."""
        while True:
            with self._lock:
                if token := self._valid_token(now, REFRESH_MARGIN):
                    return token
                pending = self._fetch
                fetch = _Fetch() if pending is None or pending.is_dead() else pending
                self._fetch = fetch
            if fetch is not pending:
                return (yield from self._fetch_own(fetch, call, now))
            if not (yield Wait(fetch.done, call.timing.deadline)):
                raise InvokeTimeout
            result = fetch.done.value
            if isinstance(result, AccessToken):
                return result
            if isinstance(result, BudwoodError):
                error = copy.copy(result)  # each call completes its own
                error.__cause__ = result.__cause__
                raise error

    def _fetch_own(self, fetch: _Fetch, call: Call, now: float) -> Flow[AccessToken]:
        result: AccessToken | BudwoodError | None = None
        try:
            renew = partial(self._renew_async, fetch, now)
            token: AccessToken = yield Invoke(renew, awaitable=True, timeout=call.seconds_left())
            result = token
        except BudwoodError as error:
            result = error
            raise
        finally:
            with self._lock:
                if self._fetch is fetch:
                    self._fetch = None
            fetch.done.set(result)
        return token

    def discard(self, lease: Lease) -> bool:
        """
        Remove a token that the vendor rejected, unless it was replaced in the meantime.

        Returns:
            Whether a new token may succeed: not if this one was just fetched.
        """
        with self._lock:
            token = self._token
            if token is not None and token.secret.get_secret_value() == lease.credential.secret.get_secret_value():
                self._token = None
        return not lease.is_new

    def _valid_token(self, now: float, margin: float) -> AccessToken | None:
        """Return the token if it is valid long enough. One without an expiry time serves only one call."""
        token = self._token
        if token is None or token.expires_at is None or token.expires_at - margin <= now:
            return None
        return token

    def _renew(self, now: float) -> AccessToken:
        with self._lock:
            if token := self._valid_token(now, REFRESH_MARGIN):
                return token  # another thread has renewed it
            try:
                return self._store(self._source())
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever users' code and vendors' libraries raise
                return self._current_or_error(now, error)

    async def _renew_async(self, fetch: _Fetch, now: float) -> AccessToken:
        import asyncio  # not above: 8 ms that blocking programs save

        fetch.loop = asyncio.get_running_loop()
        try:
            return self._store(await self._source())  # type: ignore[misc]  # `is_async` has made sure of that
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the same
            return self._current_or_error(now, error)

    def _store(self, token: object) -> AccessToken:
        if not isinstance(token, AccessToken) or not token.secret.get_secret_value().strip():
            raise CredentialError(f"{self._name}: the token source returned no token.")
        check_secret(token.secret, f"{self._name}: the token of the token source")
        self._token = token
        return token

    def _current_or_error(self, now: float, error: Exception | SystemExit) -> AccessToken:
        """Return the current token if it has not expired yet, or raise."""
        if token := self._valid_token(now, 0.0):
            return token
        if isinstance(error, BudwoodError):
            raise error
        raise CredentialError(
            f"{self._name}: the token source failed: {type(error).__name__}.",
            hint="See the exception that is chained to this error.",
        ) from error
