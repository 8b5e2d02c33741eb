"""The line editor of a chat, by prompt_toolkit: history with search, several lines, completion."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output

from budwood.providing import write_file_atomically
from budwood_cli import terminal
from budwood_cli.chats.readers import HOW_TO_LEAVE
from budwood_cli.prompts import is_text

MAX_HISTORY_BYTES: Final = 1_000_000
"""A longer history loses its older half when a chat begins."""


class Editor:
    """
    Reads messages that the person edits. Implements `budwood_cli.chats.readers.Reader`.

    Enter sends. Alt-Enter, or Enter after a backslash, begins a new line. A pasted text of several lines is inserted.

    Args:
        history: The file of the history.
        completer: Completes commands and their arguments.
    """

    def __init__(self, history: Path, completer: Completer) -> None:
        self._session: PromptSession[str] = PromptSession(
            "> ",
            history=open_history(history),
            completer=completer,
            complete_while_typing=False,  # the menu would take lines of the conversation
            multiline=True,
            prompt_continuation="  ",
            key_bindings=_key_bindings(),
            output=create_output(always_prefer_tty=True),  # also if standard output is a file
        )

    def read(self) -> str | None:
        """Return the next message or command; None at Ctrl-D. Ctrl-C discards what was typed."""
        while True:
            try:
                return self._session.prompt()
            except EOFError:
                return None
            except KeyboardInterrupt:
                if not self._session.default_buffer.text:
                    terminal.note(HOW_TO_LEAVE)


class ChatCompleter(Completer):
    """
    Completes commands, and the arguments of those that take a path or one of some words.

    Args:
        commands: The commands with their help.
        paths: The commands that take a path.
        words: By command, a function that lists words that begin with a text.
    """

    def __init__(
        self,
        commands: dict[str, str],
        paths: Iterable[str],
        words: dict[str, Callable[[str], Iterable[str]]],
    ) -> None:
        self._commands = commands
        self._paths = frozenset(paths)
        self._words = words

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield the completions of a command or its argument."""
        name, space, argument = document.text_before_cursor.partition(" ")
        if not name.startswith("/"):
            return
        if not space:
            for command, text in self._commands.items():
                if command.startswith(name):
                    yield Completion(command, -len(name), display_meta=text)
        elif name in self._paths:
            yield from PathCompleter(expanduser=True).get_completions(Document(argument), complete_event)
        elif name in self._words:
            for word in self._words[name](argument):
                if word.startswith(argument):
                    yield Completion(word, -len(argument))


def _key_bindings() -> KeyBindings:
    bindings = KeyBindings()
    at_message = has_focus(DEFAULT_BUFFER)  # not while the history is searched

    @bindings.add("enter", filter=at_message)
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.is_cursor_at_the_end and buffer.text.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter", filter=at_message)
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    return bindings


class _PrivateHistory(FileHistory):
    """A history in a file. What cannot be written is only remembered until the chat ends."""

    def store_string(self, string: str) -> None:
        if is_text(string):
            with contextlib.suppress(OSError):
                super().store_string(string)


def open_history(path: Path) -> History:
    """Return the history in a file that only its owner can read; one in memory if there can be no file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        _shorten(path)
    except OSError as error:
        terminal.note(f"note: the history is not kept: {path}: {error.strerror}")
        return InMemoryHistory()
    return _PrivateHistory(path)


def _shorten(path: Path) -> None:
    """Remove the older half of a long history."""
    if path.stat().st_size > MAX_HISTORY_BYTES:
        content = path.read_bytes()[-MAX_HISTORY_BYTES // 2 :]
        _, mark, entries = content.partition(b"\n# ")
        write_file_atomically(path, (mark + entries).decode("utf-8", "replace"))
