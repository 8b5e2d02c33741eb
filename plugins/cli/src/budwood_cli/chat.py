"""``budwood chat``: a conversation at a terminal or through a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.call_options import Extra, Pairs, option_errors, read_options
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood import ChatSession, Client
    from budwood_cli.chats.keeping import Keeper
    from budwood_cli.chats.readers import Reader

WELCOME: Final = "/help lists the commands; Ctrl-D leaves."


def chat(
    *,
    model: options.Model = None,
    system: options.System = None,
    files: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="FILE", help="A file that goes with the first message. Can be repeated."),
    ] = None,
    continues: Annotated[bool, typer.Option("-c", "--continue", help="Continue the last conversation.")] = False,
    conversation: options.ConversationID = None,
    load: Annotated[
        Path | None, typer.Option("--load", metavar="FILE", help="Continue a conversation saved with /save.")
    ] = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep the conversation, for -c.")] = True,
    seed: options.Seed = None,
    timeout: options.Timeout = None,
    base_url: options.BaseURL = None,
    further: Pairs = None,
    extra: Extra = None,
    plain: Annotated[bool, typer.Option("--plain", help="Show replies as they are, not rendered as Markdown.")] = False,
) -> None:
    """Chat with a model. /help lists the commands."""
    from budwood import Client
    from budwood_cli.chats.commands import check_file
    from budwood_cli.chats.conversation import Conversation
    from budwood_cli.chats.display import choose_display
    from budwood_cli.chats.loop import run_chat

    continues = continues or conversation is not None
    if continues and load is not None:
        option = "-c" if conversation is None else "--conversation"
        raise ArgumentError(f"{option} and --load both name a conversation.", hint="Pass one of them.")
    chat_options = read_options(Client.chat, further, extra, timeout=timeout, seed=seed)
    attached = [check_file(name) for name in files or ()]
    interactive = terminal.is_terminal(sys.stdin)
    opened = (
        _continue(model, conversation, base_url, chat_options)
        if continues
        else _open(model, load, base_url, chat_options)
    )
    with option_errors(further), opened as (client, session, keeper):
        session.model = model or session.model
        session.system = system or session.system
        client.capabilities(session.model)  # raises now, not after the first question, if the model cannot be used
        keeper.is_enabled = save
        display = choose_display(plain=plain)
        running = Conversation(client, session, chat_options, display, keeper, interactive, attached, load)
        run_chat(running, _choose_reader(interactive=interactive))


@contextmanager
def _open(
    model: str | None, load: Path | None, base_url: str | None, chat_options: dict[str, Any]
) -> Iterator[tuple[Client, ChatSession, Keeper]]:
    """Begin a conversation, or continue the one in a file."""
    from budwood import Settings
    from budwood_cli.chats.keeping import Keeper
    from budwood_cli.clients import client_for, open_client

    if load is None:
        with client_for(model, base_url=base_url) as client:
            yield client, client.chat(**chat_options), Keeper(client)
    else:
        with open_client(model, Settings.load(), base_url=base_url) as client:
            yield client, client.load_chat(load, **chat_options), Keeper(client)


@contextmanager
def _continue(
    model: str | None, conversation: str | None, base_url: str | None, chat_options: dict[str, Any]
) -> Iterator[tuple[Client, ChatSession, Keeper]]:
    """Continue the conversation whose id begins with a text; without one, the last."""
    from budwood_cli.chats.keeping import Keeper
    from budwood_cli.clients import client_for
    from budwood_cli.conversations import find_conversation, open_session

    stored = find_conversation(conversation)
    with client_for(model or stored.model, base_url=base_url) as client:
        yield client, open_session(client, stored, **chat_options), Keeper(client, stored)


def _choose_reader(*, interactive: bool) -> Reader:
    """Return what reads the messages; for a person, after a welcome."""
    from budwood_cli.chats.readers import PipedReader, PlainReader

    if not interactive:
        return PipedReader()
    terminal.note(WELCOME)
    if os.environ.get("TERM") == "dumb" or not (terminal.is_terminal(sys.stdout) or terminal.is_terminal(sys.stderr)):
        return PlainReader()
    from budwood.settings import user_folder
    from budwood_cli.chats.commands import list_commands, list_path_commands
    from budwood_cli.chats.editor import ChatCompleter, Editor

    words: dict[str, Callable[[str], Iterable[str]]] = {"/model": _list_models}
    completer = ChatCompleter(list_commands(), list_path_commands(), words)
    return Editor(user_folder("state") / "chat_history", completer)


def _list_models(incomplete: str) -> Iterable[str]:
    """Return the models that complete a text, from what is known without asking a vendor."""
    from budwood_cli.completion_values import list_models

    return [candidate.value for candidate in list_models(incomplete)]
