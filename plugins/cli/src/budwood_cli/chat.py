"""``budwood chat``: a conversation, typed by a person or read from a pipe."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.failures import ArgumentError
from budwood_cli.replies import write_stream

if TYPE_CHECKING:
    from budwood import ChatSession, Client

COMMANDS: Final = """\
/save FILE     save the conversation, to continue it with --load FILE; /save! FILE replaces a file
/system TEXT   change the system prompt; without TEXT, show it
/history       show the conversation
/help          show this list
/quit          leave; so does Ctrl-D
Ctrl-C stops a reply; a stopped reply is not part of the conversation."""


def chat(
    *,
    model: options.Model = None,
    system: options.System = None,
    load: Annotated[
        Path | None, typer.Option("--load", metavar="FILE", help="Go on with a conversation that /save wrote.")
    ] = None,
) -> None:
    """Talk with a model; /help tells what can be typed, Ctrl-D leaves."""
    from budwood import Client
    from budwood_cli.clients import client_for

    with client_for(model) if load is None else Client(model) as client:
        session = _session(client, model, system, load)
        client.capabilities(session.model)  # that the model is usable shows now, and not after the first question
        talk = Talk(session, interactive=terminal.is_terminal(sys.stdin), file=load)
        talk.run()


def _session(client: Client, model: str | None, system: str | None, load: Path | None) -> ChatSession:
    session = client.chat() if load is None else client.load_chat(load)
    session.model = model or session.model
    session.system = system or session.system
    return session


class Talk:
    """
    The loop of a conversation.

    With a person an error ends one turn; with a pipe it ends the chat, since the next line may build on the reply.

    Args:
        session: The conversation.
        interactive: Whether a person types the lines.
        file: The file that the conversation was loaded from; ``/save`` may replace it.
    """

    def __init__(self, session: ChatSession, *, interactive: bool, file: Path | None = None) -> None:
        self._session = session
        self._interactive = interactive
        self._file = file

    def run(self) -> None:
        """Read lines and answer them until there are no more, or until one says /quit."""
        if self._interactive:
            _prepare_line_editing()
            terminal.note("/help tells what can be typed; Ctrl-D leaves.")
        while (line := self._next_line()) is not None:
            if line.split()[:1] in (["/quit"], ["/exit"]):
                return
            self._take(line)

    def _next_line(self) -> str | None:
        """Return the next line, or None at the end."""
        if not self._interactive:
            return _piped_line()
        while True:
            try:
                return _typed_line()
            except KeyboardInterrupt:
                terminal.note("")  # the line that was begun is dropped, as in a shell
            except EOFError:
                terminal.note("")
                return None

    def _take(self, line: str) -> None:
        from budwood import BudwoodError
        from budwood_cli.failures import report

        try:
            _check(line)
            self._command(line) if line.startswith("/") else self._say(line)
        except (BudwoodError, OSError) as error:
            if not self._interactive:
                raise
            report(error)

    def _say(self, line: str) -> None:
        if not line.strip():
            return
        try:
            write_stream(self._session.stream(line))
        except KeyboardInterrupt:
            terminal.note("(stopped)")

    def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        match name, argument.strip():
            case (("/save" | "/save!"), ""):
                terminal.note(f"error: {name} needs the name of a file.")
            case (("/save" | "/save!"), path):
                self._save(Path(path), replace=name == "/save!")
            case "/system", "":
                terminal.note(self._session.system or "There is no system prompt.")
            case "/system", text:
                self._session.system = text
            case "/history", _:
                for message in self._session.messages:
                    terminal.note(f"{message.role}: {message.text}")
            case "/help", _:
                terminal.note(COMMANDS)
            case _:
                terminal.note(f"error: unknown command {name}; /help lists the commands.")

    def _save(self, path: Path, *, replace: bool) -> None:
        if path.exists() and path != self._file and not replace:
            raise ArgumentError(f"{path} exists.", hint=f"/save! {path} replaces it.")
        self._session.save(path)
        self._file = path
        terminal.note(f"saved: {path}")


def _prepare_line_editing() -> None:
    """Let `input` have a history and editing keys, where Python has them."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - being imported is all that it takes


def _typed_line() -> str:
    if terminal.is_terminal(sys.stdout):
        return input("> ")
    terminal.note("> ", end="")
    return input()


def _piped_line() -> str | None:
    if sys.stdin is None:
        return None
    line = sys.stdin.buffer.readline()
    return line.decode("utf-8-sig", "surrogateescape").rstrip("\r\n") if line else None


def _check(line: str) -> None:
    """Refuse a line that is no text."""
    from budwood.errors import PromptError
    from budwood_cli.prompts import is_text

    if not is_text(line):
        raise PromptError("The line is no UTF-8 text.", hint="`iconv -t UTF-8` turns other encodings into it.")
