from __future__ import annotations

import json
import os
import threading
import unicodedata
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_cli import terminal
from budwood_cli.terminal import (
    escape,
    format_dollars,
    format_table,
    output_path,
    short_path,
    write_json,
    write_table,
)


@given(st.text())
def test_control_characters_are_escaped(text):
    """
    Only tabs and newlines remain, and no character that changes the direction of text.
    """
    left = set(escape(text)) - {"\t", "\n"}

    assert not [character for character in left if unicodedata.category(character) == "Cc"]
    assert not [character for character in left if unicodedata.bidirectional(character) in _TURNING]


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters(exclude_categories=["Cc", "Cf"])))
def test_plain_text_is_unchanged(text):
    """
    Text without control characters is not escaped.
    """
    assert escape(text) == text


@given(st.text(), st.integers(0))
def test_escaping_works_in_chunks(text, cut):
    """
    Chunks of any size are escaped like the complete text.
    """
    cut %= len(text) + 1

    assert escape(text[:cut]) + escape(text[cut:]) == escape(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_json_is_equal_json(text):
    """
    The output of `--json` has the same meaning at a terminal and in a pipe.
    """
    assert json.loads(escape(json.dumps([text], ensure_ascii=False))) == [text]


def test_json_is_one_line(capsys):
    """
    Letters are not escaped, but line breaks in the text are.
    """
    write_json({"text": "ä\n"})

    assert capsys.readouterr().out == '{"text": "ä\\n"}\n'


def test_a_table_has_aligned_columns(capsys):
    """
    Columns are as wide as their longest cell. A cell is one line, and None is empty.
    """
    write_table(("kind", "name"), [("cache", "memory"), ("provider", None), ("", "two\nlines")])

    assert capsys.readouterr().out == "kind      name\ncache     memory\nprovider\n          two lines\n"


def test_a_model_cannot_control_the_terminal(terminal, vendor):
    """
    Escape sequences in a reply are shown as text, also if the stream splits them.
    """
    vendor.words = ["safe \x1b", "]0;mine\x07", "\x9b2J", "over\rwritten"]
    screen = terminal("ask", "Hi", "--stream")

    assert screen.end() == 0

    assert "\x1b" not in screen.shown
    assert "\x9b" not in screen.shown
    assert "\\u001b]0;mine\\u0007\\u009b2Joverwritten" in screen.shown


def test_a_terminal_is_not_read_for_a_prompt(terminal, vendor):
    """
    Without a prompt, the command ends with an error.
    """
    screen = terminal("ask")

    assert screen.end() == 2
    assert "error: No prompt given." in screen.shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "-"], "error: Standard input is a terminal, and - reads the prompt from it."),
        (["ask", "Hi", "-f", "-"], "error: Standard input is a terminal, and - reads a file from it."),
    ],
)
def test_a_terminal_is_not_read_in_place_of_a_pipe(terminal, vendor, arguments, message):
    """
    The command does not wait for input that the user does not expect to type.
    """
    screen = terminal(*arguments, NO_COLOR="1")

    assert screen.end() == 2
    assert message in screen.shown
    assert vendor.requests == []


def test_an_argument_is_the_whole_prompt_at_a_terminal(terminal, vendor):
    """
    Standard input is not read. The conversation continues in another command.
    """
    first = terminal("ask", "One?", NO_COLOR="1")
    assert first.end() == 0
    assert first.shown == "Hello there.\r\n"
    assert terminal("ask", "-c", "Two?", "-o", "reply.txt", NO_COLOR="1").end() == 0

    assert [message["content"] for message in vendor.requests[-1]["messages"]] == ["One?", "Hello there.", "Two?"]
    assert Path("reply.txt").read_text("utf-8") == "Hello there.\n"


def test_lines_of_json_are_safe_at_a_terminal(terminal, vendor):
    """
    They are JSON also if the text has control characters.
    """
    vendor.words = ["safe \x9b2J"]
    screen = terminal("ask", "Hi", "--jsonl", NO_COLOR="1")

    assert screen.end() == 0
    assert "\x9b" not in screen.shown
    assert json.loads(screen.shown.splitlines()[-1])["text"] == "safe \x9b2J"


def test_an_interrupted_reply_is_not_kept(terminal, vendor):
    """
    Ctrl-C ends the command with status 130 and no traceback, and -c has nothing to continue.
    """
    vendor.gate = threading.Event()
    screen = terminal("ask", "One?", NO_COLOR="1")
    screen.wait_for("Hello")

    screen.interrupt()

    assert screen.end() == 130
    assert "Traceback" not in screen.shown
    assert "There is no conversation to continue." in run_to_the_end(terminal("ask", "-c", "Two?", NO_COLOR="1"))


def run_to_the_end(screen):
    """
    Return what a command shows.
    """
    screen.end()
    return screen.shown


def test_paths_are_relative_below_the_current_folder(tmp_path, monkeypatch):
    """
    Below the home of the user they begin with ~, but not for programs. Others are absolute, and a URL stays.
    """
    home, folder, other = tmp_path / "home", tmp_path / "home" / "work", tmp_path / "other"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(home))

    assert short_path(folder / "runs" / "x") == short_path(Path("runs", "x")) == str(Path("runs", "x"))
    assert (
        short_path(home / ".config" / "x") == short_path(Path("..", ".config", "x")) == str(Path("~", ".config", "x"))
    )
    assert short_path(other / "x") == output_path(other / "x") == str(other / "x")
    assert output_path(home / "x") == str(home / "x")
    assert short_path("s3://bucket/x") == "s3://bucket/x"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0"),
        ("0.000000000001", "<$0.000001"),
        ("0.000123", "$0.000123"),
        ("0.25", "$0.25"),
        ("1234", "$1,234.00"),
    ],
)
def test_dollars_have_a_unit_and_no_needless_zeros(amount, text):
    """
    At least two decimals, and at most six.
    """
    assert format_dollars(Decimal(amount)) == text


def test_numbers_of_a_table_are_aligned_on_the_right():
    """
    The title is, too.
    """
    table = format_table(("model", "calls"), [("a", "7"), ("b", "1,000")], numbers=("calls",))

    assert table == "model  calls\na          7\nb      1,000\n"


def test_long_lines_break_at_words(monkeypatch):
    """
    Only at a terminal. Commands are not broken at hyphens.
    """
    monkeypatch.setenv("COLUMNS", "20")
    text = "/model NAME  change it, or --no-color"

    assert terminal.wrap(text) == text
    monkeypatch.setattr(terminal, "is_terminal", lambda _: True)
    assert terminal.wrap(text, indent=2) == "/model NAME  change\n  it, or --no-color"
