"""The login of ``budwood login`` as the credential of a provider without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.types import AccessToken

if TYPE_CHECKING:
    from budwood.contracts import TokenSource
    from budwood_server.client.logins.credential import LoginCredential
    from budwood_server.provider.settings import BudwoodServerSettings


def find_token_source(settings: BudwoodServerSettings) -> TokenSource | None:
    """Return the source of tokens of a login at the server; None if there is a key or no login."""
    if settings.api_key is not None:
        return None
    from budwood.settings import user_folder
    from budwood_server.client.logins.store import LoginStore
    from budwood_server.client.urls import parse_url

    url, folder = parse_url(settings.base_url), user_folder("config")
    return None if LoginStore(folder).find_place(url) is None else _LoginTokens(url)


class _LoginTokens:
    """
    Returns access tokens of a login. The engine calls it when a token ends, or was refused.

    Args:
        url: The URL of the server.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._credential: LoginCredential | None = None

    def __call__(self) -> AccessToken:
        """
        Return an access token that lasts.

        Raises:
            BudwoodError: There is no login any more, it has ended, or the server does not answer.
        """
        if self._credential is None:
            self._credential = _open(self._url)
        elif (last := self._credential.find_token()) is not None:
            self._credential.discard(last)
        login = self._credential.renew_login()
        return AccessToken(secret=login.access_token, expires_at=login.expires_at)


def _open(url: str) -> LoginCredential:
    from budwood import Settings
    from budwood.plugins import Instances
    from budwood.settings import user_folder
    from budwood_server.client.logins.calls import LoginCalls
    from budwood_server.client.logins.credential import LoginCredential
    from budwood_server.client.logins.store import LoginStore

    return LoginCredential(url, LoginStore(user_folder("config")), LoginCalls(Instances(Settings.load())))
