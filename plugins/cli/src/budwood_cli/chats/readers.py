"""Where the lines of a chat come from: a pipe, or a terminal without line editing."""

from __future__ import annotations

import sys
from typing import Final, Protocol

from budwood_cli import terminal

HOW_TO_LEAVE: Final = "Ctrl-D or /quit leaves."


class Reader(Protocol):
    """Reads the messages and commands of a chat."""

    def read(self) -> str | None:
        """Return the next message or command, which may have several lines; None at the end."""
        ...


class PipedReader:
    """Reads lines from a pipe or a file."""

    def read(self) -> str | None:
        """Return the next line. Invalid bytes become lone surrogates."""
        if sys.stdin is None:
            return None
        line = sys.stdin.buffer.readline()
        return line.decode("utf-8-sig", "surrogateescape").rstrip("\r\n") if line else None


class PlainReader:
    """Reads lines from a terminal that cannot move the cursor, such as one with ``TERM=dumb``."""

    def read(self) -> str | None:
        r"""Return the next message. Lines that end with a backslash are continued."""
        lines: list[str] = []
        while True:
            try:
                lines.append(_read_line("... " if lines else "> "))
            except KeyboardInterrupt:
                terminal.note(f"\n{HOW_TO_LEAVE}")  # discards the current line, as in a shell
                lines = []
                continue
            except EOFError:
                terminal.note("")
                return None
            if not lines[-1].endswith("\\"):
                return "\n".join(lines)
            lines[-1] = lines[-1].removesuffix("\\")


def _read_line(prompt: str) -> str:
    terminal.note(prompt, end="")
    return input()
