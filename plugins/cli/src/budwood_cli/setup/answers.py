"""The answers that the options of the command have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Store(StrEnum):
    """Where a new key is saved."""

    KEYRING = "keyring"
    FILE = "file"
    NONE = "none"


@dataclass(frozen=True)
class Answers:
    """
    The options. None is a question, or the default.

    Attributes:
        provider: The provider.
        model: The model, with or without the provider.
        base_url: The address of the server.
        token: The key, or ``-`` to read it from standard input.
        key_env: The environment variable with the key.
        store: Where to save a new key.
        for_project: Whether to write ``budwood.toml`` of the current folder, and not that of the user.
        check: Whether to check the key.
        dry_run: Whether to write nothing.
        yes: Whether to save without a question, also in place of a stored key.
    """

    provider: str | None = None
    model: str | None = None
    base_url: str | None = None
    token: str | None = None
    key_env: str | None = None
    store: Store | None = None
    for_project: bool = False
    check: bool = True
    dry_run: bool = False
    yes: bool = False

    @property
    def named_provider(self) -> str | None:
        """The provider that an option names; None without one."""
        if self.provider is None and self.model is not None and "/" in self.model:
            return self.model.partition("/")[0]
        return self.provider
