"""``budwood chat``: a conversation at a terminal or through a pipe."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.call_options import Extra, Pairs, read_options
from budwood_cli.errors import ArgumentError
from budwood_cli.replies import write_stream

if TYPE_CHECKING:
    from budwood import AskOptions, ChatSession, Client

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
        Path | None, typer.Option("--load", metavar="FILE", help="Continue a conversation saved with /save.")
    ] = None,
    further: Pairs = None,
    extra: Extra = None,
) -> None:
    """Chat with a model. /help lists the commands."""
    from budwood import Client, Settings
    from budwood_cli.clients import client_for, open_client

    chat_options = read_options(Client.chat, further, extra)
    with client_for(model) if load is None else open_client(model, Settings.load()) as client:
        session = _session(client, model, system, load, chat_options)
        client.capabilities(session.model)  # raises now, not after the first question, if the model cannot be used
        talk = Talk(session, interactive=terminal.is_terminal(sys.stdin), file=load)
        talk.run()


def _session(
    client: Client, model: str | None, system: str | None, load: Path | None, chat_options: AskOptions
) -> ChatSession:
    session = client.chat(**chat_options) if load is None else client.load_chat(load, **chat_options)
    session.model = model or session.model
    session.system = system or session.system
    return session


class Talk:
    """
    The loop of a conversation.

    At a terminal, an error ends the turn. Through a pipe it ends the chat: the next line may depend on the reply.

    Args:
        session: The conversation.
        interactive: Whether input comes from a terminal.
        file: The file that the conversation was loaded from, which ``/save`` may replace.
    """

    def __init__(self, session: ChatSession, *, interactive: bool, file: Path | None = None) -> None:
        self._session = session
        self._interactive = interactive
        self._file = file

    def run(self) -> None:
        """Read and answer lines until the input ends or a line is ``/quit``."""
        if self._interactive:
            _prepare_line_editing()
            terminal.note("/help lists the commands; Ctrl-D leaves.")
        while (line := self._next_line()) is not None:
            if line.split()[:1] in (["/quit"], ["/exit"]):
                return
            self._handle(line)

    def _next_line(self) -> str | None:
        """Return the next line, or None at the end."""
        if not self._interactive:
            return _piped_line()
        while True:
            try:
                return _typed_line()
            except KeyboardInterrupt:
                terminal.note("")  # discards the current line, as in a shell
            except EOFError:
                terminal.note("")
                return None

    def _handle(self, line: str) -> None:
        from budwood import BudwoodError
        from budwood_cli.errors import report

        try:
            _check(line)
            self._run_command(line) if line.startswith("/") else self._send(line)
        except (BudwoodError, OSError) as error:
            if not self._interactive:
                raise
            report(error)

    def _send(self, line: str) -> None:
        if not line.strip():
            return
        try:
            write_stream(self._session.stream(line))
        except KeyboardInterrupt:
            terminal.note("(stopped)")

    def _run_command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        match name, argument.strip():
            case (("/save" | "/save!"), ""):
                terminal.note(f"error: {name} needs the name of a file.")
            case (("/save" | "/save!"), path):
                self._save(Path(path), replace=name == "/save!")
            case "/system", "":
                terminal.note(self._session.system or "No system prompt is set.")
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
    """Give `input` a history and editing keys, if this Python supports them."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - importing it is enough


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
    """Check that a line is valid text."""
    from budwood.errors import PromptError
    from budwood_cli.prompts import is_text

    if not is_text(line):
        raise PromptError("The line is not valid UTF-8.", hint="Convert it with `iconv -t UTF-8`.")
