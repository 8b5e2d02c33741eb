"""Conversations that store their history."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar, Unpack, overload

from budwood.engine import AskOptions, OptionsWithoutSchema, Prompt
from budwood.engine.chat.conversation import Conversation
from budwood.engine.chat.prompts import parse_prompt
from budwood.errors import PromptError
from budwood.streams import AsyncChatStream, ChatStream
from budwood.types import ChatResponse, Message

T = TypeVar("T")


class Asker(Protocol):
    """The methods of `Client` that a session uses."""

    def ask_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatResponse:
        """Ask, and wait for the complete reply."""
        ...

    def stream_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatStream:
        """Ask, and read the reply as it arrives."""
        ...


class AsyncAsker(Protocol):
    """The methods of `AsyncClient` that a session uses."""

    async def ask_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatResponse:
        """Ask, and wait for the complete reply."""
        ...

    def stream_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> AsyncChatStream:
        """Ask, and read the reply as it arrives."""
        ...


class _Session:
    """The common base of both sessions, without I/O."""

    def __init__(self, conversation: Conversation, options: AskOptions) -> None:
        self._conversation = conversation
        self._options = options

    @property
    def messages(self) -> tuple[Message, ...]:
        """
        The messages so far, without the system prompt.

        Assign a list to replace them: messages, or dictionaries in the form of Chat Completions. It is copied.

        Raises:
            PromptError: An assigned value is not a list of messages.
        """
        return tuple(self._conversation.messages)

    @messages.setter
    def messages(self, messages: Sequence[Message | Mapping[str, Any]]) -> None:
        if isinstance(messages, str | Message):
            raise PromptError(
                f"The messages are of the type {type(messages).__name__}.", hint="Assign a list of messages: [{…}, …]."
            )
        parsed = parse_prompt(messages)
        self._conversation.messages = list(parsed)
        self._conversation.unanswered = ()

    @property
    def system(self) -> str | None:
        """The system prompt. You can change it at any time."""
        return self._conversation.system

    @system.setter
    def system(self, text: str | None) -> None:
        self._conversation.system = text

    @property
    def model(self) -> str | None:
        """The model; None for the client's. You can change it at any time."""
        return self._conversation.model

    @model.setter
    def model(self, address: str | None) -> None:
        self._conversation.model = address

    def undo(self) -> tuple[Message, ...]:
        """
        Remove the last prompt and the reply to it, with its rounds of tools, and return the prompt.

        ``chat.ask(chat.undo())`` asks again. If there is no prompt, the result is empty.
        """
        return self._conversation.undo()

    def reset(self) -> None:
        """Remove all messages. Model, system prompt and options stay."""
        self._conversation.reset()

    def keep(self, reply: ChatResponse) -> None:
        """
        Add the last prompt and an incomplete reply to the history, so that the conversation continues with both.

        The message has ``partial`` set to true. Only its text is kept: vendors reject incomplete tool calls and
        reasoning.

        Args:
            reply: ``stream.response`` of a stream that was left early, or ``error.response`` of a
                `StreamInterruptedError`.

        Raises:
            PromptError: The reply to the last prompt is complete, or the incomplete one has no text.
        """
        self._conversation.keep(reply.message)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save model, system prompt and messages as JSON. The file is replaced atomically."""
        self._conversation.save(path)

    def __repr__(self) -> str:
        model = "" if self.model is None else f"model={self.model!r}, "
        return f"{type(self).__name__}({model}messages={len(self._conversation.messages)})"

    def _merged(self, options: AskOptions) -> AskOptions:
        return {**self._options, **options}


class ChatSession(_Session):
    """
    A conversation.

    Messages are added to the history only when a reply is complete: after an error, or a stream that was left early,
    the history is unchanged, unless you `keep` what arrived. Threads must not share a session.
    """

    def __init__(self, client: Asker, conversation: Conversation, options: AskOptions) -> None:
        super().__init__(conversation, options)
        self._client = client

    @overload
    def ask(self, prompt: Prompt, *, schema: type[T], **options: Unpack[OptionsWithoutSchema]) -> ChatResponse[T]: ...

    @overload
    def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse: ...

    def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse:
        """Send a message and wait for the reply; see `Client.ask`."""
        return self._client.ask_in(self._conversation, prompt, self._merged(options))

    def stream(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatStream:
        """Send a message and read the reply as it arrives; see `Client.stream`."""
        return self._client.stream_in(self._conversation, prompt, self._merged(options))

    def fork(self) -> ChatSession:
        """Return a second session with the same history."""
        return ChatSession(self._client, self._conversation.fork(), self._options)


class AsyncChatSession(_Session):
    """A conversation; see `ChatSession`. Tasks must not use a session concurrently."""

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
        """Send a message and wait for the reply; see `AsyncClient.ask`."""
        return await self._client.ask_in(self._conversation, prompt, self._merged(options))

    def stream(self, prompt: Prompt, **options: Unpack[AskOptions]) -> AsyncChatStream:
        """Send a message and read the reply as it arrives; see `AsyncClient.stream`."""
        return self._client.stream_in(self._conversation, prompt, self._merged(options))

    def fork(self) -> AsyncChatSession:
        """Return a second session with the same history."""
        return AsyncChatSession(self._client, self._conversation.fork(), self._options)
