"""Conversations that remember what was said."""

from __future__ import annotations

import os
from typing import Protocol, TypeVar, Unpack, overload

from budwood.engine import AskOptions, OptionsWithoutSchema, Prompt
from budwood.engine.chat.conversation import Conversation
from budwood.streams import AsyncChatStream, ChatStream
from budwood.types import ChatResponse, Message

T = TypeVar("T")


class Asker(Protocol):
    """What a session needs of `Client`."""

    def ask_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatResponse:
        """Ask, and wait for the whole reply."""
        ...

    def stream_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatStream:
        """Ask, and read the reply as it is written."""
        ...


class AsyncAsker(Protocol):
    """What a session needs of `AsyncClient`."""

    async def ask_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatResponse:
        """Ask, and wait for the whole reply."""
        ...

    def stream_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> AsyncChatStream:
        """Ask, and read the reply as it is written."""
        ...


class _Session:
    """What both kinds of session have in common: all but the I/O."""

    def __init__(self, conversation: Conversation, options: AskOptions) -> None:
        self._conversation = conversation
        self._options = options

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said so far, without the system prompt."""
        return tuple(self._conversation.messages)

    @property
    def system(self) -> str | None:
        """The system prompt; it may be changed at any time."""
        return self._conversation.system

    @system.setter
    def system(self, text: str | None) -> None:
        self._conversation.system = text

    @property
    def model(self) -> str | None:
        """The model that answers, at first the client's; it may be changed at any time, None is the client's."""
        return self._conversation.model

    @model.setter
    def model(self, address: str | None) -> None:
        self._conversation.model = address

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write model, system prompt and messages as JSON, in one step."""
        self._conversation.save(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.model!r}, messages={len(self._conversation.messages)})"

    def _merged(self, options: AskOptions) -> AskOptions:
        return {**self._options, **options}


class ChatSession(_Session):
    """
    A conversation.

    The history grows only when a reply is complete: after an error or an abandoned stream, the same can be asked again.
    Not to be shared among threads.
    """

    def __init__(self, client: Asker, conversation: Conversation, options: AskOptions) -> None:
        super().__init__(conversation, options)
        self._client = client

    @overload
    def ask(self, prompt: Prompt, *, schema: type[T], **options: Unpack[OptionsWithoutSchema]) -> ChatResponse[T]: ...

    @overload
    def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse: ...

    def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse:
        """Say something and wait for the reply; see `Client.ask`."""
        return self._client.ask_in(self._conversation, prompt, self._merged(options))

    def stream(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatStream:
        """Say something and read the reply as it is written; see `Client.stream`."""
        return self._client.stream_in(self._conversation, prompt, self._merged(options))

    def fork(self) -> ChatSession:
        """Return a second session with the same past."""
        return ChatSession(self._client, self._conversation.fork(), self._options)


class AsyncChatSession(_Session):
    """A conversation; see `ChatSession`. Not to be used by several tasks at once."""

    def __init__(self, client: AsyncAsker, conversation: Conversation, options: AskOptions) -> None:
        super().__init__(conversation, options)
        self._client = client

    @overload
    async def ask(
        self, prompt: Prompt, *, schema: type[T], **options: Unpack[OptionsWithoutSchema]
    ) -> ChatResponse[T]: ...

    @overload
    async def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse: ...

    async def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse:
        """Say something and wait for the reply; see `AsyncClient.ask`."""
        return await self._client.ask_in(self._conversation, prompt, self._merged(options))

    def stream(self, prompt: Prompt, **options: Unpack[AskOptions]) -> AsyncChatStream:
        """Say something and read the reply as it is written; see `AsyncClient.stream`."""
        return self._client.stream_in(self._conversation, prompt, self._merged(options))

    def fork(self) -> AsyncChatSession:
        """Return a second session with the same past."""
        return AsyncChatSession(self._client, self._conversation.fork(), self._options)
