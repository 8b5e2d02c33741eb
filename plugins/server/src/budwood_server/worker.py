"""The state of a process that answers requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood import Settings
from budwood_server.gateway.configuration import Configuration
from budwood_server.settings import load_server_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from budwood_server.access.keys import ApiKey


class Worker:
    """
    The state of a process that answers requests.

    Args:
        load_settings: Reads the settings, at the start and at each reload.
        overrides: Settings of the command line, which take precedence over ``[server]``.
        authenticate: Returns the key of a token, or None; by default the database has the keys.

    Raises:
        BudwoodError: The settings are not valid.
    """

    def __init__(
        self,
        load_settings: Callable[[], Settings] = Settings.load,
        overrides: Mapping[str, Any] | None = None,
        *,
        authenticate: Callable[[str], ApiKey | None] | None = None,
    ) -> None:
        self._load_settings = load_settings
        self._overrides = overrides
        self._authenticate = authenticate
        self.configuration = self._load()

    async def start(self) -> None:
        """Open the database, and start what runs in the background."""

    async def stop(self) -> None:
        """Write what is left, and close the database and the client."""
        await self.configuration.replace()

    async def reload(self) -> str:
        """
        Read the settings again, and use them for all further requests. Requests under way keep theirs.

        Returns:
            The version of the settings.

        Raises:
            BudwoodError: They are not valid. The present ones remain in use.
        """
        previous, self.configuration = self.configuration, self._load()
        await previous.replace()
        return self.configuration.version

    async def find_key(self, token: str) -> ApiKey | None:
        """Return the key of a token; None if there is none, or it has expired or was revoked."""
        return self._authenticate(token) if self._authenticate is not None else None

    def _load(self) -> Configuration:
        settings = self._load_settings()
        return Configuration(settings, load_server_settings(settings, self._overrides))
