"""The client behind a command."""

from __future__ import annotations

from typing import Final

from budwood import Client, Settings
from budwood.errors import ConfigurationError

MODEL_HINT: Final = (
    "Give -m PROVIDER/MODEL, or set `model` in budwood.toml or BUDWOOD_MODEL; "
    "`budwood plugins list` shows the providers."
)


def client_for(model: str | None, *, hint: str = MODEL_HINT) -> Client:
    """
    Make a client of a model, or of the one that the settings name.

    Raises:
        ConfigurationError: Neither names one; the hint says how, in words of the command line.
    """
    settings = Settings.load()
    if model is None and settings.model is None:
        raise ConfigurationError("No model given.", hint=hint)
    return Client(model, settings=settings)
