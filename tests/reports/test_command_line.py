"""What people type at a command line, and what programs read from it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def budwood(*arguments, folder=None, stdin="", **environment):
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "budwood_cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | environment,
        cwd=folder,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["ask", "-m"], "budwood ask"),
        (["ask", "-m", "a", "-t"], "budwood ask"),
        (["ask", "--no-such-option"], "budwood ask"),
        (["runs", "resume", "--quiet=3", "x"], "budwood runs resume"),
        (["--debug", "runs", "resume", "--quiet=3", "x"], "budwood runs resume"),
        (["runs", "no-such-command"], "budwood runs"),
        (["no-such-command", "-m"], "budwood"),
        (["--no-such-option", "ask"], "budwood"),
    ],
)
def test_a_usage_error_names_the_help_of_its_command(arguments, command):
    """
    Also where an option lacks its value, or has one too many.
    """
    run = budwood(*arguments)

    assert run.returncode == 2
    assert f"hint: `{command} --help`" in run.stderr


LOG = "import budwood; budwood.configure_logging(); budwood.ask('Hi', model='offline/extractive')"


def test_a_log_in_a_file_has_no_colors():
    """
    Escape sequences are for terminals.
    """
    run = subprocess.run([sys.executable, "-c", LOG], capture_output=True, text=True, check=True)

    assert "request" in run.stderr
    assert "\x1b" not in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("environment", "has_colors"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_log_on_a_terminal_has_colors_unless_they_are_turned_off(environment, has_colors):
    """
    ``NO_COLOR`` and a terminal without escape sequences are respected.
    """
    import pty  # not on Windows

    parent, child = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | environment
    subprocess.run([sys.executable, "-c", LOG], stderr=child, env=variables, check=True)
    os.close(child)
    text = os.read(parent, 100_000)
    os.close(parent)

    assert b"request" in text
    assert (b"\x1b" in text) is has_colors
