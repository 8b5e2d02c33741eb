"""The usage store of the settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError, PluginNotFoundError
from budwood_cli import terminal
from budwood_cli.loading import missing_distribution

if TYPE_CHECKING:
    from budwood import Settings
    from budwood.contracts import UsageStore

DEFAULT: Final = "usage"
"""The plugin that keeps records, and the name of the store if the settings list none."""


@contextlib.contextmanager
def open_store() -> Iterator[UsageStore]:
    """
    Open the usage store: the first observer of the settings that keeps records, or ``usage``.

    Raises:
        ConfigurationError: No observer keeps records.
        PluginError: It cannot be used.
    """
    from budwood.settings import Settings

    settings = Settings.load()
    with find_store(settings, *settings.observers, DEFAULT) as store:
        if store is None:
            from budwood.plugins.first_party import install_hint

            raise ConfigurationError(
                "No observer keeps records of calls.",
                hint=f'{install_hint("budwood-usage")}. Then set observers = ["usage"] in budwood.toml.',
            )
        yield store


@contextlib.contextmanager
def open_server_store() -> Iterator[UsageStore]:
    """
    Open the records in the database of the gateway, ``[server] database`` in the settings.

    Raises:
        ConfigurationError: budwood-server is not installed, the settings are not valid, or no server of this version
            has used the database.
        BudwoodError: The database cannot be used.
    """
    if find_spec("budwood_server") is None:
        raise missing_distribution("--server", "budwood-server")
    from budwood_server.commands.records import open_records

    with contextlib.closing(open_records()) as store:
        yield store


def note_no_calls(*, server: bool) -> None:
    """
    Write that there are no calls, and what to do if none is recorded.

    Args:
        server: Whether they were looked for in the database of the gateway.
    """
    from budwood.settings import Settings

    terminal.note("no calls in this time")
    if server:
        terminal.note("hint: the gateway records calls, except with usage = false in [server].")
    elif not Settings.load().observers:
        terminal.note(
            'hint: calls are recorded with observers = ["usage"] in budwood.toml, or as an argument of clients.'
        )


@contextlib.contextmanager
def find_store(settings: Settings, *names: str) -> Iterator[UsageStore | None]:
    """
    Open the first of some observers that keeps records; None if none does, or `usage` is not installed.

    Those of the plugin ``usage`` come first, since building others may start a server.
    """
    from budwood.contracts import ClosableObserver, UsageStore
    from budwood.hooks import OBSERVER
    from budwood.plugins import Instances

    instances = Instances(settings)
    for name in sorted(dict.fromkeys(names), key=lambda name: _plugin_of(settings, name) != DEFAULT):
        try:
            observer = instances.build(OBSERVER, name).implementation
        except PluginNotFoundError:
            if name in settings.observers:
                raise
            continue
        with contextlib.closing(observer) if isinstance(observer, ClosableObserver) else contextlib.nullcontext():
            if isinstance(observer, UsageStore):
                yield observer
                return
    yield None


def _plugin_of(settings: Settings, name: str) -> str:
    return str(settings.instance_settings("observer", name).get("plugin", name))
