"""What both clients report about endpoints and keys. Nothing is sent for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood.engine import ClientEngine
    from budwood.types import EndpointState, KeyState


class ClientStates:
    """The methods of clients that report states."""

    _engine: ClientEngine

    def endpoints(self, provider: str | None = None) -> list[EndpointState]:
        """
        Return the state of the endpoints that are configured or were used so far. Nothing is sent.

        Those of the client's model and its fallbacks are configured, each with its backups. All clients of the process
        with equal settings share the state.

        Args:
            provider: Only the endpoint of this provider instance and its backups.

        Raises:
            PluginError: The provider does not exist or cannot be used.
        """
        return self._engine.endpoint_states(provider)

    def keys(self, provider: str | None = None) -> list[KeyState]:
        """
        Return the state of the keys of the same endpoints. It contains neither keys nor hashes of them.

        Several keys of an endpoint are shared by all clients of the process with equal settings and keys; of a single
        key, the state is what this client knows.

        Args:
            provider: Only the keys of this provider instance and its backups.

        Raises:
            PluginError: The provider does not exist or cannot be used.
        """
        return self._engine.key_states(provider)

    def reset_keys(self, provider: str | None = None) -> None:
        """
        Use keys again that were rejected, or whose quota was exhausted.

        Limited keys rest until their rate limit resets.

        Args:
            provider: Only the keys of this provider instance and its backups; by default those of all endpoints that
                are configured or were used so far.

        Raises:
            PluginError: The provider does not exist or cannot be used.
        """
        self._engine.reset_keys(provider)
