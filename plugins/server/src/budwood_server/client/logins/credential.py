"""The access tokens of a login, renewed before they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from budwood.clock import SystemClock
from budwood_server.client.errors import AuthenticationError
from budwood_server.client.logins.calls import LoginCalls
from budwood_server.client.logins.store import Login, LoginStore

if TYPE_CHECKING:
    from budwood.contracts import Clock
    from budwood.plugins import Instances

MARGIN: Final = 330.0
"""Seconds before its end at which a token is renewed: longer than clients of models keep one before they ask again."""


class LoginCredential:
    """
    The login of a server, for requests. Threads and processes can share it: one of them at a time renews its tokens.

    Args:
        url: The URL of the server.
        store: Has the login.
        calls: Renews tokens.
        clock: The clock.
    """

    def __init__(self, url: str, store: LoginStore, calls: LoginCalls, clock: Clock | None = None) -> None:
        self._url = url
        self._store = store
        self._calls = calls
        self._clock = clock or SystemClock()
        self._login: Login | None = None
        self._refused: str | None = None

    def find_token(self) -> str | None:
        """Return the access token, if it is known and lasts."""
        login = self._login
        return login.access_token.get_secret_value() if login is not None and self._lasts(login) else None

    def renew(self) -> str:
        """
        Return the access token of the store, renewed unless it lasts.

        Raises:
            CredentialError: The login is not stored any more.
            AuthenticationError: It has ended. It is then removed from the store.
            NetworkError: There is no answer.
        """
        return self.renew_login().access_token.get_secret_value()

    def renew_login(self) -> Login:
        """Return the login of the store with an access token that lasts; see `renew`."""
        with self._store.lock():
            login = self._store.load(self._url)
            if not self._lasts(login):  # else another process has renewed it
                login = self._renew(login)
            self._login = login
        return login

    def discard(self, token: str) -> bool:
        """Forget a token that the server has refused; return whether another one may be accepted."""
        self._refused = token
        return True

    def _lasts(self, login: Login) -> bool:
        is_refused = login.access_token.get_secret_value() == self._refused
        return not is_refused and login.expires_at - MARGIN > self._clock.time()

    def _renew(self, login: Login) -> Login:
        place = self._store.find_place(self._url) or "file"
        self._store.prepare(place)
        try:
            renewed = self._calls.renew(login)
        except AuthenticationError as error:
            self._store.remove(self._url)
            error.hint = f"Log in again with `budwood login {self._url}`."
            raise
        self._store.save(renewed, place)
        return renewed

    def __repr__(self) -> str:
        return f"LoginCredential({self._url!r})"


def find_login(
    url: str, folder: Path | None, instances: Instances, clock: Clock | None = None
) -> LoginCredential | None:
    """
    Return the login of a server; None if there is none.

    Args:
        url: The URL of the server, as `budwood_server.client.urls.parse_url` returns it.
        folder: The user's configuration directory; None for settings that were not loaded, which have no logins.
        instances: The settings of transports.
        clock: The clock.
    """
    if folder is None:
        return None
    store = LoginStore(folder)
    if store.find_place(url) is None:
        return None
    return LoginCredential(url, store, LoginCalls(instances, clock), clock)
