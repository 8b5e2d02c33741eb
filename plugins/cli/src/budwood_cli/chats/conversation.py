"""The conversation of a chat: turns that are sent, stopped, undone and sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from budwood_cli import terminal
from budwood_cli.chats.display import Display, note_dimmed
from budwood_cli.chats.keeping import Keeper
from budwood_cli.chats.spending import Spending, describe_reply
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood import AskOptions, ChatResponse, ChatSession, ChatStream, Client
    from budwood.types import Message


@dataclass
class Conversation:
    """
    The conversation of a chat.

    Attributes:
        client: The client, which opens other conversations.
        session: The messages so far.
        options: The options of all turns.
        display: Shows replies.
        keeper: Stores the conversation after each turn that changed it.
        interactive: Whether a person types the messages.
        files: The files that go with the next message.
        path: The file that the conversation was loaded from or saved to.
        spending: The sums of the chat.
        unsent: The last message, if it got no reply.
    """

    client: Client
    session: ChatSession
    options: AskOptions
    display: Display
    keeper: Keeper
    interactive: bool = False
    files: list[str] = field(default_factory=list)
    path: Path | None = None
    spending: Spending = field(default_factory=Spending)
    unsent: str | None = None
    _stamp: tuple[int, ...] | None = field(init=False)

    def __post_init__(self) -> None:
        self._stamp = _find_stamp(self.path)

    def can_replace(self, path: Path) -> bool:
        """Tell whether a file is that of this conversation, and no other program has changed it since."""
        return path == self.path and _find_stamp(path) == self._stamp

    def send(self, text: str) -> None:
        """Send a message with the attached files, and show the reply. If that fails, the files stay attached."""
        self.unsent = text
        self._ask(text, self.files)
        if self.unsent is None:
            self.files.clear()

    def retry(self) -> None:
        """
        Send the last message again. If that fails, the reply to it stays.

        Raises:
            ArgumentError: There is none.
        """
        if self.unsent is not None:
            self.send(self.unsent)
            return
        before = self.session.messages
        prompt = self.session.undo()
        if not prompt:
            raise ArgumentError("There is no message to send again.")
        rest = self.session.messages
        try:
            self._ask(prompt)
        finally:
            if self.session.messages == rest:
                self.session.messages = before

    def undo(self) -> str:
        """
        Remove the last message and the reply to it, and return the message.

        Raises:
            ArgumentError: There is none.
        """
        prompt = self.session.undo()
        if not prompt:
            raise ArgumentError("There is no message to undo.")
        self.unsent = None
        self.keeper.keep(self.session)
        return "\n".join(message.text for message in prompt)

    def load(self, path: Path) -> None:
        """Continue the conversation in a file, with its model and system prompt. No file stays attached."""
        stamp = _find_stamp(path)
        self.session = self.client.load_chat(path, **self.options)
        self.path, self._stamp, self.unsent = path, stamp, None
        self.files.clear()
        self.keeper.begin()

    def save(self, path: Path) -> None:
        """Save the conversation to a file."""
        self.session.save(path)
        self.path, self._stamp = path, _find_stamp(path)

    def _ask(self, prompt: str | tuple[Message, ...], files: Sequence[str] = ()) -> None:
        from budwood import StreamInterruptedError

        attached: AskOptions = {"files": [*files]} if files else {}
        stream = self.session.stream(prompt, **attached)
        try:
            self.display(stream)
        except KeyboardInterrupt:
            self._keep_partial(stream)
            terminal.note("(stopped; /retry sends the message again)")
        except StreamInterruptedError:
            self._keep_partial(stream)
            raise
        else:
            self._finish(stream.response)

    def _finish(self, response: ChatResponse) -> None:
        self.unsent = None
        self.spending.add(response)
        if self.interactive and (text := describe_reply(response)):
            note_dimmed(text)
        self.keeper.keep(self.session)

    def _keep_partial(self, stream: ChatStream) -> None:
        """Add what arrived of a reply to the history, if it is any text."""
        from budwood import BudwoodError

        try:
            response = stream.response
        except BudwoodError:  # nothing has arrived
            self.spending.add_unknown()
            return
        if not response.partial:  # interrupted after its end
            self._finish(response)
            return
        self.spending.add(response)
        if response.text.strip():
            self.session.keep(response)
            self.unsent = None
            self.keeper.keep(self.session)


def _find_stamp(path: Path | None) -> tuple[int, ...] | None:
    """Return what changes with a file; None if there is none."""
    try:
        found = path.stat() if path is not None else None
    except OSError:  # what reads or writes it reports that
        return None
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)
