"""The client of commands that work with a server as a person or with a key."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_server.client.urls import KEY_VARIABLE, URL_VARIABLE

if TYPE_CHECKING:
    from budwood import Settings
    from budwood_server.client import GatewayClient

_OTHER_KEY: Final = (
    f"Log in with `budwood login URL`, set {KEY_VARIABLE}, or set `api_key` in the server's section of budwood.toml."
)
_OF_SERVER: Final = frozenset(
    {
        *("unknown_route", "no_master_key", "invalid_master_key"),
        *("delivery_in_progress", "idempotency_in_progress", "idempotency_unavailable"),
    }
)
"""Codes of errors 404 and 409 that say nothing about the arguments of a command."""

Provider = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help=f"The section [providers.NAME] of the server. Default: {URL_VARIABLE}, the only one, or the login.",
    ),
]


@contextlib.contextmanager
def open_client(provider: str | None, settings: Settings | None = None) -> Iterator[GatewayClient]:
    """
    Open a client of the server. Hints of errors are those of the command line.

    What the server refuses about arguments, such as an unknown id, ends a command with the status of usage.

    Args:
        provider: The section of the settings. None for the server of the environment, the only one of the settings, or
            that of the login.
        settings: The settings; by default those of the files and the environment.

    Raises:
        ConfigurationError: No server is named, or several are.
        CredentialError: There is no key and no login.
    """
    from budwood_cli.errors import blame_arguments
    from budwood_server.client import AuthenticationError, ConflictError, InvalidRequestError, NotFoundError

    with _connect(provider, settings) as client:
        try:
            yield client
        except AuthenticationError as error:
            error.hint = _OTHER_KEY
            raise
        except (InvalidRequestError, NotFoundError, ConflictError) as error:
            if error.code is not None and error.code not in _OF_SERVER:  # a proxy has no code
                blame_arguments(error)
            raise


def _connect(provider: str | None, settings: Settings | None) -> GatewayClient:
    from budwood import ConfigurationError, CredentialError
    from budwood_server.client import GatewayClient

    try:
        return GatewayClient(provider=provider, settings=settings)
    except CredentialError as error:
        error.hint = _OTHER_KEY
        raise
    except ConfigurationError as error:
        if "provider=" in (error.hint or ""):
            error.hint = f"Pass --provider NAME, or set {URL_VARIABLE}."
        elif "url=" in (error.hint or ""):
            error.hint = f"Log in with `budwood login URL`, or set {URL_VARIABLE} and {KEY_VARIABLE}."
        raise
