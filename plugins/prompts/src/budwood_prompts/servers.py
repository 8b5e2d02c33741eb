"""Servers that keep prompts, for hints of errors about a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from budwood import BudwoodError, Settings
from budwood_prompts.errors import PromptNotFoundError

_PLUGIN: Final = "budwood-server"


@contextmanager
def hint_at_server(command: str | None = None) -> Iterator[None]:
    """
    Add to errors about a folder how prompts of a server are used.

    Args:
        command: A command that reads those of the server, if it is a command that failed.
    """
    try:
        yield
    except PromptNotFoundError as error:
        setting = f'the setting prompts = "{_find_server() or "NAME"}", which names a section [providers.…]'
        other = f"Calls use prompts of a server with {setting}."
        if command is not None:
            other = f"`{command}` reads those of a server, and calls use them with {setting}."
        error.hint = f"{error.hint} {other}" if error.hint else other
        raise


def _find_server() -> str | None:
    """Return the name of the first server of the settings."""
    try:
        settings = Settings.load()
        names = settings.instance_names("providers")
        plugins = {name: settings.instance_settings("providers", name).get("plugin", name) for name in names}
    except BudwoodError:  # the first error is reported
        return None
    return next((name for name, plugin in plugins.items() if plugin == _PLUGIN), None)
