"""The commands of a chat: lines that begin with a slash."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood.types import Message
    from budwood_cli.chats.conversation import Conversation

_COMMAND: Final = re.compile(r"/[a-z]*!?(?=\s|$)")
"""A command. ``/usr/bin`` is none: it is sent to the model."""

_NO_SYSTEM: Final = "-"
"""The argument of ``/system`` that removes the system prompt."""


@dataclass(frozen=True)
class Command:
    """
    A command.

    Attributes:
        name: What the person types.
        argument: What follows it, as shown in the help.
        help: What it does.
        run: Runs it with the text of the argument.
        needs_argument: Whether the argument is required.
    """

    name: str
    argument: str
    help: str
    run: Callable[[Conversation, str], None]
    needs_argument: bool = False


class LeaveChat(Exception):  # noqa: N818 - no error
    """The person has left the chat."""


def find_command(line: str) -> tuple[Command, str] | None:
    """
    Return the command of a line and its argument; None for a message.

    A line that begins with a space is a message.

    Raises:
        ArgumentError: The command does not exist, or its argument is missing or not expected.
    """
    found = _COMMAND.match(line)
    if found is None:
        return None
    name, argument = found[0], line[found.end() :].strip()
    command = _COMMANDS.get({"/exit": "/quit"}.get(name, name))
    if command is None:
        raise ArgumentError(f"There is no command {name}.", hint=_suggest(name))
    if command.needs_argument and not argument:
        raise ArgumentError(f"{name} needs an argument.", hint=f"Write {name} {command.argument}.")
    if argument and not command.argument:
        raise ArgumentError(f"{name} takes no argument.", hint="A leading space sends the line to the model.")
    return command, argument


def list_commands() -> dict[str, str]:
    """Return the names of the commands with their help."""
    return {name: command.help for name, command in _COMMANDS.items()}


def list_path_commands() -> Iterator[str]:
    """Yield the commands that take a path."""
    return (name for name, command in _COMMANDS.items() if command.argument in ("FILE", "PATH"))


def _suggest(name: str) -> str:
    near = difflib.get_close_matches(name, _COMMANDS, n=1, cutoff=0.6)
    suggestion = f"Did you mean {near[0]}? " if near else ""
    return f"{suggestion}/help lists the commands. A leading space sends the line to the model."


def _answer(chat: Conversation, text: str, *, is_question: bool) -> None:
    """Show a value: if it was asked for, and to a person also after it was changed."""
    if is_question or chat.interactive:
        terminal.note(text)


def _change_model(chat: Conversation, name: str) -> None:
    if name:
        chat.client.capabilities(name)  # raises if the model cannot be used
        chat.session.model = name
    _answer(chat, f"model: {chat.session.model}", is_question=not name)


def _change_system(chat: Conversation, text: str) -> None:
    if text:
        chat.session.system = None if text == _NO_SYSTEM else text
    system = chat.session.system
    _answer(chat, f"system: {system}" if system else "No system prompt is set.", is_question=not text)


def _attach(chat: Conversation, name: str) -> None:
    if name:
        chat.files.append(check_file(name))
    attached = "\n".join(f"with the next message: {file}" for file in chat.files)
    _answer(chat, attached or "No file is attached.", is_question=not name)


def check_file(name: str) -> str:
    """
    Return a file to attach: a URL, or a path with its ``~`` expanded and its quotes removed.

    Raises:
        ArgumentError: There is no such file.
    """
    if name.startswith(("https://", "http://", "data:")):
        return name
    path = _to_path(name)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise ArgumentError(f"{path} {problem}.", hint="Attach one file. Tab completes paths.")
    if not os.access(path, os.R_OK):
        raise ArgumentError(f"{path} cannot be read.", hint="Check its permissions.")
    return str(path)


def _to_path(text: str) -> Path:
    """Return a path. Terminals quote those of files that are dragged into them."""
    path = Path(text).expanduser()
    if path.exists():
        return path
    try:
        words = shlex.split(text)
    except ValueError:  # no closing quotation
        return path
    return Path(words[0]).expanduser() if len(words) == 1 else path


def _undo(chat: Conversation, _argument: str) -> None:
    removed = chat.undo()
    terminal.note(f"removed: {_shorten(removed)}")


def _retry(chat: Conversation, _argument: str) -> None:
    chat.retry()


def _save(chat: Conversation, text: str) -> None:
    path = _find_output(text)
    if path.exists() and not chat.can_replace(path):
        if not chat.interactive:
            raise ArgumentError(f"{path} exists.", hint=f"/save! {text} replaces it.")
        from budwood_cli.questions import confirm

        if not confirm(f"{path} exists. Replace it?", flag="/save! FILE"):
            terminal.note("not saved")
            return
    _save_over(chat, text)


def _find_output(text: str) -> Path:
    """Return the path of a file to write."""
    from budwood_cli.media_outputs import check_replaceable

    path = _to_path(text)
    check_replaceable(path, hint="Write /save FILE with the name of a file.")
    return path


def _save_over(chat: Conversation, text: str) -> None:
    path = _find_output(text)
    chat.save(path)
    terminal.note(f"saved: {path}")


def _load(chat: Conversation, text: str) -> None:
    path, files = _to_path(text), tuple(chat.files)
    chat.load(path)
    terminal.note(f"loaded: {path} ({terminal.format_count(len(chat.session.messages), 'message')})")
    system = f", system: {_shorten(chat.session.system)}" if chat.session.system else ", no system prompt"
    terminal.note(f"model: {chat.session.model}{system}")
    if files:
        terminal.note(f"no longer attached: {', '.join(files)}")


def _show_cost(chat: Conversation, _argument: str) -> None:
    terminal.note(chat.spending.describe())


def _show_history(chat: Conversation, _argument: str) -> None:
    for message in chat.session.messages:
        terminal.note(describe_message(message))


def describe_message(message: Message) -> str:
    """Return a message as text, with the types of its media."""
    media = "".join(f" [{part.type}]" for part in message.media)
    tools = "".join(f" [call of {call.name}]" for call in message.tool_calls)
    return f"{message.role}{' (stopped)' if message.partial else ''}:{media}{tools} {message.text}".rstrip()


def _show_help(_chat: Conversation, _argument: str) -> None:
    commands = [(f"{command.name} {command.argument}".rstrip(), command.help) for command in _COMMANDS.values()]
    width = max(len(usage) for usage, _ in commands)
    for usage, text in commands:
        terminal.note(terminal.wrap(f"{usage:<{width}}  {text}", indent=width + 2))
    terminal.note(terminal.wrap(KEYS))


def _leave(_chat: Conversation, _argument: str) -> None:
    raise LeaveChat


def _shorten(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


KEYS: Final = """\
Alt-Enter, or Enter after a backslash, begins a new line. Ctrl-R searches the history, Tab completes.
Ctrl-C stops a reply and keeps what came. Ctrl-D leaves."""

_COMMANDS: Final = {
    command.name: command
    for command in (
        Command("/model", "NAME", "change the model; without NAME, show it", _change_model),
        Command("/system", "TEXT", "change the system prompt; - removes it; without TEXT, show it", _change_system),
        Command("/file", "PATH", "attach a file to the next message", _attach),
        Command("/undo", "", "remove the last message and its reply", _undo),
        Command("/retry", "", "send the last message again", _retry),
        Command("/save", "FILE", "save the conversation", _save, needs_argument=True),
        Command("/save!", "FILE", "save it, and replace a file without a question", _save_over, needs_argument=True),
        Command("/load", "FILE", "continue a saved conversation", _load, needs_argument=True),
        Command("/cost", "", "show the tokens and the cost so far", _show_cost),
        Command("/history", "", "show the conversation", _show_history),
        Command("/help", "", "show this list", _show_help),
        Command("/quit", "", "leave; so does Ctrl-D", _leave),
    )
}
