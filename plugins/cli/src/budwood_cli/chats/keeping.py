"""Keeps the conversation of a chat, so that ``budwood chat -c`` and ``budwood ask -c`` continue it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood import ChatSession, Client
    from budwood_cli.conversations import StoredConversation


class Keeper:
    """
    Stores a conversation after each turn.

    Args:
        client: The client.
        stored: The conversation to continue; None for a new one.

    Attributes:
        is_enabled: Whether anything is stored.
    """

    def __init__(self, client: Client, stored: StoredConversation | None = None) -> None:
        self._client = client
        self._stored = stored
        self.is_enabled = True

    def keep(self, session: ChatSession) -> None:
        """Store the conversation."""
        if not self.is_enabled:
            return
        from budwood_cli.conversations import keep, new_conversation

        if self._stored is None:
            self._stored = new_conversation()
        keep(self._client, session, self._stored)

    def begin(self) -> None:
        """Begin another conversation. The one so far stays as it is."""
        self._stored = None
