"""The client that a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from budwood import Client, Settings
from budwood.errors import ConfigurationError
from budwood.types import CacheFailed
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError, NoModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budwood.contracts import Observer
    from budwood.types import Observation

EXAMPLE_ADDRESS: Final = "http://localhost:8000/v1"

MODEL_HINT: Final = (
    "Run `budwood setup`, pass -m PROVIDER/MODEL, or set `model` in budwood.toml or BUDWOOD_MODEL. "
    "`budwood plugins list` shows the providers."
)


def client_for(model: str | None, *, hint: str = MODEL_HINT, base_url: str | None = None) -> Client:
    """
    Create a client for a model, by default the one in the settings.

    Args:
        model: The value of ``-m``, if any.
        hint: How to name a model.
        base_url: The address of the model's provider, if it is not the usual one.

    Raises:
        NoModelError: No model is given. The hint names the option of the command.
    """
    settings = Settings.load()
    if model is None and settings.model is None:
        raise NoModelError("No model given.", hint=hint)
    return open_client(model, settings, base_url=base_url)


def open_client(
    model: str | None,
    settings: Settings,
    *,
    base_url: str | None = None,
    budgets: Mapping[str, Mapping[str, Any]] | None = None,
) -> Client:
    """
    Create a client that notes on standard error if its cache fails.

    Raises:
        ArgumentError: ``base_url`` is not valid.
    """
    notes: list[str | Observer] = [CacheNotes()] if settings.cache else []
    try:
        return Client(
            model, settings=settings, base_url=base_url, budgets=budgets, observers=[*settings.observers, *notes]
        )
    except ConfigurationError as error:
        _, found, problem = error.message.partition("'base_url': ")
        if base_url is None or not found:
            raise
        raise ArgumentError(f"--base-url {problem}", hint=f"Pass an address such as {EXAMPLE_ADDRESS}.") from None


class CacheNotes:
    """Notes that a cache fails, which costs money but fails no call. Libraries log it, and commands have no log."""

    event_types = (CacheFailed,)

    def observe(self, event: Observation) -> None:
        """Write a note for a fault of a cache."""
        if isinstance(event, CacheFailed):
            operation = "read" if event.operation == "read" else "written"
            cache = f"the cache {event.cache!r}" if event.cache else "the cache"
            terminal.note(f"note: {cache} could not be {operation}: {event.reason or event.error}")
