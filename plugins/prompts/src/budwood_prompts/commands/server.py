"""The server whose prompts commands read and change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from budwood import Settings
    from budwood_server.client import GatewayClient

_URL_VARIABLE: Final = "BUDWOOD_SERVER_URL"
Provider = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="The section [providers.NAME] of the server. Default: that of the setting prompts, or the only one.",
    ),
]
OnServer = Annotated[bool, typer.Option("--server", help="The prompts of a server, instead of those of a folder.")]


@contextlib.contextmanager
def open_server(command: str, provider: str | None, *, prompt: str | None = None) -> Iterator[GatewayClient]:
    """
    Open a client of the server. Hints of errors are those of the command line.

    Args:
        command: What needs it, for errors.
        provider: The section of the settings. None for the server of the environment, of the setting ``prompts``, the
            only one of the settings, or that of the login.
        prompt: The prompt that is used, for which similar names are suggested.

    Raises:
        ConfigurationError: budwood-server is not installed, or no server is named.
        CredentialError: There is no key.
    """
    if find_spec("budwood_server") is None:
        from budwood_cli.loading import missing_distribution

        raise missing_distribution(command, "budwood-server")
    from budwood import Settings
    from budwood_server.client import NotFoundError
    from budwood_server.commands.clients import open_client

    settings = Settings.load()
    with open_client(provider or _find_section(settings), settings) as client:
        try:
            yield client
        except NotFoundError as error:
            error.hint = _suggest(client, prompt)
            raise


def _suggest(client: GatewayClient, prompt: str | None) -> str:
    """Return a hint with the prompts whose names are similar."""
    from budwood import BudwoodError
    from budwood.names import did_you_mean

    listing = "`budwood prompts list --server` lists the prompts, with their versions and labels."
    try:
        names = [found.prompt.name for found in client.prompts.list()]
    except BudwoodError:  # the first error is reported
        return listing
    near = did_you_mean(prompt, names) if prompt is not None and prompt not in names else None
    return f"{near} {listing}" if near else listing


def _find_section(settings: Settings) -> str | None:
    """Return the provider that the setting ``prompts`` names, unless the environment names a server."""
    if settings.prompts is None or any(source.variables.get(_URL_VARIABLE) for source in settings.sources):
        return None
    from budwood.names import normalise

    name = normalise(settings.prompts)
    return name if name in settings.instance_names("providers") else None
