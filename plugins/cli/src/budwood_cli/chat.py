"""``budwood chat``: a conversation, typed by a person or read from a pipe."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.replies import write_stream

if TYPE_CHECKING:
    from budwood import ChatSession, Client

COMMANDS: Final = """\
/save FILE     keep the conversation; --load FILE goes on with it
/system TEXT   change the system prompt; without TEXT, show it
/history       show what was said
/help          show this
/quit          leave, as Ctrl-D does
Ctrl-C stops a reply; what was stopped is not remembered."""


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
        talk = Talk(session, interactive=terminal.is_terminal(sys.stdin))
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
    """

    def __init__(self, session: ChatSession, *, interactive: bool) -> None:
        self._session = session
        self._interactive = interactive

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
            case "/save", "":
                terminal.note("error: /save wants the name of a file.")
            case "/save", path:
                self._session.save(path)
                terminal.note(f"saved: {path}")
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
                terminal.note(f"error: there is no command {name}; /help tells which there are.")


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
