"""The messages of a call that may continue a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood.types import ChatResponse
    from budwood_server.routes.requests import Request
    from budwood_server.sessions.store import SessionStore

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """
    The messages of a call.

    Attributes:
        messages: All messages: of the session and of the request, in the form of Chat Completions.
    """

    messages: Sequence[Message]

    async def keep(self, response: ChatResponse, *, transaction: AsyncConnection | None = None) -> None:
        """Keep the messages of the request and the reply, if they belong to a session; see `SessionStore.add`."""


@dataclass(frozen=True, slots=True)
class KeptConversation(Conversation):
    """
    The messages of a call that continues a session.

    Attributes:
        new: The messages of the request.
        name: The name of the session; ``owner`` is who owns it.
        store: Keeps it.
    """

    new: Sequence[Message]
    name: str
    owner: str
    store: SessionStore

    async def keep(self, response: ChatResponse, *, transaction: AsyncConnection | None = None) -> None:
        """Keep the messages of the request and the reply, unless it has no text: no vendor would accept it again."""
        if response.text:
            new = [*self.new, {"role": "assistant", "content": response.text}]
            await self.store.add(self.owner, self.name, new, transaction=transaction)


async def open_conversation(request: Request, name: str | None, new: Sequence[Message]) -> Conversation:
    """
    Return the messages of a call.

    Args:
        request: The request.
        name: The name of the session that it continues, or None.
        new: Its messages.

    Raises:
        ProblemError: The session has no room for them, or the server has no database.
        DatabaseError: The database cannot be used.
    """
    if name is None:
        return Conversation(new)
    from budwood_server.sessions.store import SessionStore, check_room  # many requests continue no session

    store = SessionStore(request.database, request.configuration.server.sessions.retention)
    owner = request.key.owner
    kept = KeptConversation(await store.join(owner, name, new), new, name, owner, store)
    check_room(name, kept.messages)
    return kept
