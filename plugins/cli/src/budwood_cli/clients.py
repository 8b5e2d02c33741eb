"""The client that a command uses."""

from __future__ import annotations

from typing import Final

from budwood import Client, Settings
from budwood.errors import ConfigurationError

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
    return Client(model, settings=settings)
