"""A command at a terminal that is emulated, so that tests see what a person would see."""

from __future__ import annotations

import os
import shlex
import sys

import pexpect
import pyte
import pytest

from tests.plugins.cli.terminals import end_program

MAX_WAIT = 120.0
"""Seconds without output after which a command is killed."""

INTERRUPT_INTERVAL = 3.0
"""Seconds between two interrupts."""


class _Screen(pyte.HistoryScreen):
    """A screen that answers the questions of programs, such as that for the position of the cursor."""

    answer = None

    def write_process_input(self, data):
        self.answer(data)


class Emulator:
    """
    ``budwood`` at a terminal.

    Args:
        arguments: The arguments of the command.
        columns: The width of the terminal.
        lines: Its height.
        output: A file for standard output; None for the terminal.
        environment: Environment variables.

    Attributes:
        process: The process, by pexpect.
        raw: All output.
    """

    def __init__(self, *arguments, columns=80, lines=24, output=None, **environment):
        self.columns, self.lines = columns, lines
        size = {"COLUMNS": str(columns), "LINES": str(lines)}
        command = [sys.executable, "-m", "budwood_cli", *map(str, arguments)]
        if output is not None:
            command = ["/bin/sh", "-c", f"exec {shlex.join(command)} > {shlex.quote(str(output))}"]
        self.process = pexpect.spawn(
            command[0],
            command[1:],
            dimensions=(lines, columns),
            env=os.environ | {"TERM": "xterm-256color", "NO_COLOR": "1"} | size | environment,
            timeout=MAX_WAIT,
            echo=True,
        )
        self._screen = _Screen(columns, lines, history=100_000, ratio=0.5)
        self._screen.answer = self.process.send
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""

    @property
    def rows(self):
        """All rows, also those that have scrolled away, without spaces at their ends."""
        gone = ["".join(row[column].data for column in range(self.columns)) for row in self._screen.history.top]
        return [row.rstrip() for row in (*gone, *self._screen.display)]

    @property
    def text(self):
        """All rows as text. The empty ones at the end are left out."""
        return "\n".join(self.rows).rstrip()

    @property
    def cells(self):
        """The characters of all rows with their styles; see `pyte.screens.Char`."""
        rows = (*self._screen.history.top, *(self._screen.buffer[line] for line in range(self.lines)))
        return [[row[column] for column in range(self.columns)] for row in rows]

    @property
    def is_cursor_visible(self):
        """Whether the cursor is shown."""
        return not self._screen.cursor.hidden

    def type(self, text):
        """Type text. A newline is the key Enter."""
        self.process.send(text.replace("\n", "\r"))

    def type_raw(self, keys):
        """Type keys, as a terminal sends them."""
        self.process.send(keys)

    def paste(self, text):
        """Paste text, as terminals with bracketed paste do."""
        self.process.send(f"\x1b[200~{text}\x1b[201~")

    def wait_until(self, condition, expected):
        """Read until a condition holds for this terminal."""
        while not condition(self):
            try:
                data = self.process.read_nonblocking(65536)
            except pexpect.TIMEOUT:
                pytest.fail(f"{expected} was not shown, but:\n{self.text}")
            except pexpect.EOF:
                pytest.fail(f"the command ended before {expected} was shown:\n{self.text}")
            self._feed(data)

    def wait_for(self, text, count=1):
        """Read until a text is shown a number of times."""
        self.wait_until(lambda self: self.text.count(text) >= count, f"{text!r} {count} times")

    def interrupt(self, text):
        """Press Ctrl-C until the command reacts, and wait for a text; see the fixture ``interrupt``."""
        self.process.send("\x03")
        while text not in self.text:
            try:
                self._feed(self.process.read_nonblocking(65536, timeout=INTERRUPT_INTERVAL))
            except pexpect.TIMEOUT:
                self.process.send("\x03")
            except pexpect.EOF:
                pytest.fail(f"the command ended before {text!r} was shown:\n{self.text}")

    def wait_for_prompt(self):
        """Read until the last row is an empty prompt."""
        self.wait_until(lambda self: self.text.endswith("\n>") and self.is_cursor_visible, "a prompt")

    def ask(self, text, reply):
        """Wait for the prompt, type a line, and wait for a text that comes after it."""
        self.wait_for_prompt()
        before = self.text.count(reply)
        self.type(f"{text}\n")
        self.wait_for(reply, before + 1 + text.count(reply))

    def ask_typed(self, keys, reply):
        """Press keys after a message was typed, and wait for a text that comes after it."""
        before = self.text.count(reply)
        self.type(keys)
        self.wait_for(reply, before + 1)

    def end(self):
        """Read to the end, and return the exit status."""
        try:
            while True:
                self._feed(self.process.read_nonblocking(65536))
        except pexpect.EOF:
            self.process.wait()
        return self.process.exitstatus

    def close(self):
        """Stop the command."""
        end_program(self.process)

    def _feed(self, data):
        self.raw += data
        self._stream.feed(data)
