"""A conversation: its history, and the file in which it is saved."""

from __future__ import annotations

import os
import secrets
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pydantic import ValidationError

from budwood.errors import ConfigurationError, PromptError
from budwood.providing import write_file_atomically
from budwood.types import Message, Record, TextPart

FORMAT: Final = "budwood-chat-1"
_LOAD_HINT: Final = "chat.save(path), and /save in `budwood chat`, write such a file."


class _SavedConversation(Record):
    """The content of the file."""

    format: str
    model: str | None = None
    system: str | None = None
    messages: tuple[Message, ...]


_OF_REPLIES: Final = frozenset({"assistant", "tool"})
_OF_PROMPTS: Final = frozenset({"user", "system", "developer"})


def _make_id() -> str:
    return secrets.token_hex(8)


def _end_before(messages: list[Message], end: int, roles: frozenset[str]) -> int:
    """Return where the last messages before ``end`` that all have one of the roles begin."""
    while end and messages[end - 1].role in roles:
        end -= 1
    return end


@dataclass(slots=True)
class Conversation:
    """
    The messages of a conversation, and its system prompt, which is not one of them and can be changed at any time.

    Parts that belong to one vendor stay in the history, and are sent only to that vendor.

    Attributes:
        id: Identifies it within the process, so that it stays with one endpoint; forks have the same id.
        unanswered: The prompt of the last call while it has no complete reply. It is not part of the messages.
    """

    model: str | None = None
    system: str | None = None
    messages: list[Message] = field(default_factory=list)
    id: str = field(default_factory=_make_id)
    unanswered: tuple[Message, ...] = ()

    def fork(self) -> Conversation:
        """Return a second conversation with the same history."""
        return Conversation(self.model, self.system, list(self.messages), self.id)

    def undo(self) -> tuple[Message, ...]:
        """Remove the last prompt and all messages after it, and return the prompt; without one, do nothing."""
        end = _end_before(self.messages, len(self.messages), _OF_REPLIES)
        start = _end_before(self.messages, end, _OF_PROMPTS)
        prompt = tuple(self.messages[start:end])
        if prompt:
            del self.messages[start:]
        self.unanswered = ()
        return prompt

    def reset(self) -> None:
        """Remove all messages. The next one begins a conversation with an id of its own."""
        self.messages.clear()
        self.unanswered = ()
        self.id = _make_id()

    def keep(self, reply: Message) -> None:
        """
        Add the unanswered prompt, and what arrived of the reply to it: its text.

        Raises:
            PromptError: The last prompt has a complete reply, or nothing was asked, or the reply has no text.
        """
        if not self.unanswered:
            raise PromptError("There is no incomplete reply to keep.", hint="Complete replies are in the history.")
        texts = tuple(part for part in reply.parts if isinstance(part, TextPart) and part.text)
        if not any(part.text.strip() for part in texts):
            raise PromptError("The incomplete reply has no text to keep.", hint="Send the prompt again.")
        self.messages += [*self.unanswered, Message(role="assistant", parts=texts, partial=True)]
        self.unanswered = ()

    def save(self, path: str | os.PathLike[str]) -> None:
        """
        Save the conversation as JSON. The file is replaced atomically.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        saved = _SavedConversation(format=FORMAT, model=self.model, system=self.system, messages=tuple(self.messages))
        try:
            write_file_atomically(Path(path), saved.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise ConfigurationError(
                f"Cannot write {path}: {error.strerror or error}.",
                hint="Name a file in a writable folder.",
            ) from error
        except (TypeError, ValueError) as error:  # a path with a null byte, or none at all; text that JSON cannot hold
            raise ConfigurationError(f"Cannot write {path!r}: {error}.") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """
        Load a conversation that `save` wrote.

        Raises:
            ConfigurationError: The file cannot be read, or is not a saved conversation.
        """
        try:
            saved = _SavedConversation.model_validate_json(Path(path).read_bytes().removeprefix(BOM_UTF8))
        except OSError as error:
            raise ConfigurationError(f"Cannot read {path}: {error.strerror or error}.", hint=_LOAD_HINT) from error
        except ValidationError as error:
            detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise ConfigurationError(
                f"{path} is not a saved chat: {'.'.join(map(str, detail['loc'])) or 'the file'}: {detail['msg']}.",
                hint=_LOAD_HINT,
            ) from None
        except (TypeError, ValueError) as error:  # a path with a null byte, or none at all
            raise ConfigurationError(f"Cannot read {path!r}: {error}.") from error
        if saved.format != FORMAT:
            raise ConfigurationError(
                f"{path} has the format {saved.format!r}; supported is {FORMAT!r}.", hint=_LOAD_HINT
            )
        return cls(saved.model, saved.system, list(saved.messages))
