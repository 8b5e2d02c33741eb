"""The client that a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood import Client, Settings
from budwood.errors import ConfigurationError
from budwood.types import CacheFailed
from budwood_cli import terminal

if TYPE_CHECKING:
    from budwood.types import Observation

MODEL_HINT: Final = (
    "Pass -m PROVIDER/MODEL, or set `model` in budwood.toml or BUDWOOD_MODEL. "
    "`budwood plugins list` shows the providers."
)


def client_for(model: str | None, *, hint: str = MODEL_HINT) -> Client:
    """
    Create a client for a model, by default the one in the settings.

    Raises:
        ConfigurationError: No model is given. The hint names the option of the command.
    """
    settings = Settings.load()
    if model is None and settings.model is None:
        raise ConfigurationError("No model given.", hint=hint)
    return open_client(model, settings)


def open_client(model: str | None, settings: Settings) -> Client:
    """Create a client that notes on standard error if its cache fails."""
    notes = [CacheNotes()] if settings.cache else []
    return Client(model, settings=settings, observers=[*settings.observers, *notes])


class CacheNotes:
    """Notes that a cache fails, which costs money but fails no call. Libraries log it, and commands have no log."""

    event_types = (CacheFailed,)

    def observe(self, event: Observation) -> None:
        """Write a note for a fault of a cache."""
        if isinstance(event, CacheFailed):
            operation = "read" if event.operation == "read" else "written"
            cache = f"the cache {event.cache!r}" if event.cache else "the cache"
            terminal.note(f"note: {cache} could not be {operation}: {event.reason or event.error}")
