"""Log in to a server, renew the tokens of a login, and log out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from budwood.clock import SystemClock
from budwood.credential_store import KeyTarget, check_transports
from budwood_server.api_models.auth import LoginReply
from budwood_server.client.calls import Connection, fetch
from budwood_server.client.errors import BadResponseError
from budwood_server.client.logins.store import Login
from budwood_server.client.requests import Request, act, path_of, reader
from budwood_server.client.senders import Sender, find_transports
from budwood_server.client.urls import PLUGIN, find_origin

if TYPE_CHECKING:
    from budwood.contracts import Clock
    from budwood.plugins import Instances
    from budwood_server.client.credentials import Credential

T = TypeVar("T")

TIMEOUT = 30.0
"""Seconds for each of these calls."""


class LoginCalls:
    """
    Sends requests about logins, each with a connection of its own.

    Args:
        instances: The settings of transports.
        clock: The clock.
    """

    def __init__(self, instances: Instances, clock: Clock | None = None) -> None:
        self._instances = instances
        self._clock = clock or SystemClock()

    def log_in(self, url: str, name: str, password: str) -> Login:
        """
        Log in with a password.

        Raises:
            AuthenticationError: The name or the password is wrong.
            RateLimitError: Too many have failed.
            APIError: The server answered with another error.
            NetworkError: There is no answer.
            KeyTargetError: A transport of the current folder lets others read the password.
        """
        body = {"name": name, "password": password, "kind": "program"}
        reply = self._send(url, _request("login", body))
        return self._read(url, reply)

    def renew(self, login: Login) -> Login:
        """
        Return a login with its next tokens. The present refresh token is then used.

        Raises:
            AuthenticationError: The login has ended.
            APIError: The server answered with another error.
            NetworkError: There is no answer.
        """
        body = {"refresh_token": login.refresh_token.get_secret_value()}
        return self._read(login.url, self._send(login.url, _request("refresh", body)))

    def log_out(self, url: str, credential: Credential) -> None:
        """
        End a login.

        Raises:
            AuthenticationError: It has ended before.
            APIError: The server answered with another error.
            NetworkError: There is no answer.
        """
        self._send(url, act("POST", path_of("auth", "logout")), credential)

    def _send(self, url: str, request: Request[T], credential: Credential | None = None) -> T:
        settings = self._instances.settings
        check_transports("budwood login", KeyTarget(PLUGIN, find_origin(url)), settings.folder_sources, ())
        connection = Connection(url=url, credential=credential, clock=self._clock, timeout=TIMEOUT, max_retry_after=2.0)
        with closing(Sender(connection, find_transports(self._instances).blocking)) as sender:
            return sender.run(fetch(connection, request))

    def _read(self, url: str, reply: LoginReply) -> Login:
        if reply.access_token is None or reply.refresh_token is None:
            raise BadResponseError("The server has sent no tokens.")
        expires_at = self._clock.time() + reply.expires_in
        return Login.model_validate(
            {
                "url": url,
                "account": reply.account.name,
                "access_token": reply.access_token,
                "expires_at": expires_at,
                "refresh_token": reply.refresh_token,
            }
        )


def _request(action: str, body: object) -> Request[LoginReply]:
    """Return a request that is not sent again if the server may have received it: a refresh token is used once."""
    read: Callable[[bytes], LoginReply] = reader(LoginReply)
    return Request(method="POST", path=path_of("auth", action), read=read, body=body, is_safe=False)
