"""How the replies of a chat are shown."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from budwood_cli import terminal
from budwood_cli.replies import write_notes, write_stream

if TYPE_CHECKING:
    from budwood import ChatStream

Display = Callable[["ChatStream"], object]
"""Shows a reply as it arrives, then the notes about it."""


def choose_display(*, plain: bool) -> Display:
    """Return how replies are shown: as Markdown at a terminal that can move the cursor, otherwise as they are."""
    if plain or not terminal.is_terminal(sys.stdout) or os.environ.get("TERM") == "dumb":
        return write_stream
    return show_markdown


def show_markdown(stream: ChatStream) -> None:
    """Render a reply as it arrives. What is typed meanwhile is not shown, because it would be drawn into the reply."""
    with stream, _without_echo():
        is_complete = False
        while not is_complete:
            is_complete = _show_attempt(stream)
    write_notes(stream.response)


def _show_attempt(stream: ChatStream) -> bool:
    """Render a reply to its end, or until it is started again; return whether it is complete."""
    from budwood.types import Restarted, TextDelta
    from budwood_cli.chats.live_markdown import LiveMarkdown

    restarted = None
    with LiveMarkdown() as live:
        for event in stream:
            if isinstance(event, TextDelta) and event.choice == 0:
                live.add(event.text)
            elif isinstance(event, Restarted) and not live.is_empty:
                restarted = event
                break
    if restarted is not None:
        terminal.note(f"note: the reply starts again, and the text above is void: {restarted.reason}")
    return restarted is None


def note_dimmed(text: str) -> None:
    """Write a message of little importance to standard error, dimmed at a terminal with colors."""
    if not terminal.is_live():
        terminal.note(text)
        return
    from rich.console import Console

    Console(stderr=True, highlight=False, markup=False, emoji=False).print(terminal.escape(text), style="dim")


@contextlib.contextmanager
def _without_echo() -> Iterator[None]:
    """Let the terminal not show what is typed. The next prompt receives it."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    if not terminal.is_terminal(sys.stdin):
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[3] = before[3] & ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
