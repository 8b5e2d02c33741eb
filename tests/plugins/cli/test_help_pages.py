"""
The help of every command, as it is kept in ``help_pages``.

``UPDATE_HELP_PAGES=1 pytest tests/plugins/cli/test_help_pages.py`` writes the files again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from budwood_cli.command_table import COMMANDS
from budwood_cli.loading import load_command

pytestmark = pytest.mark.one_python

PAGES = Path(__file__).with_name("help_pages")


def list_commands():
    """
    Return all commands and subcommands, as lists of words.
    """
    for command in COMMANDS:
        yield from list_words([command.name], load_command(command.name))


def list_words(words, command):
    """
    Return the words of a command, and those of its subcommands.
    """
    yield words
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from list_words([*words, name], subcommand)


ALL = [[], *list_commands()]


def shown(text):
    """
    Return a help without what depends on the version of typer: columns, lines, and names of types.
    """
    neutral = re.sub(r"<[a-z ]+>|\b(TEXT|INTEGER|FLOAT|PATH)\b", "TYPE", text)
    joined = re.sub(r"\n {5,}(?=\S)", "  ", neutral)  # texts that go on in the next line
    return "\n".join(re.sub(r" {2,}", " ", line.strip()) for line in joined.splitlines()).strip() + "\n"


@pytest.mark.one_python
@pytest.mark.parametrize("words", ALL, ids=lambda words: " ".join(["budwood", *words]))
def test_the_help_is_the_one_that_is_kept(words, monkeypatch, capsys):
    """
    A change of options or texts shows in the difference of a file.
    """
    from budwood_cli.program import run

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    assert run([*words, "--help"]) == 0
    text = shown(capsys.readouterr().out)
    file = PAGES / f"{'-'.join(['budwood', *words])}.txt"
    if os.environ.get("UPDATE_HELP_PAGES"):
        PAGES.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")

    assert text == file.read_text("utf-8")


def test_no_page_is_left_of_a_command_that_is_gone():
    """
    The folder has the pages of the commands, and no others.
    """
    names = {f"{'-'.join(['budwood', *words])}.txt" for words in ALL}

    assert {file.name for file in PAGES.iterdir()} == names
