from __future__ import annotations

import json
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from budwood_cli.terminal import escape, short_path, write_json, write_table


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


def test_paths_are_relative_if_that_is_shorter(tmp_path, monkeypatch):
    """
    A path outside of the current folder may be relative too. A URL stays.
    """
    folder = tmp_path / "runs" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)

    assert short_path(folder / "x") == "x"
    assert short_path(tmp_path / "runs" / "x") == str(Path("..", "x"))
    assert short_path(Path(tmp_path.anchor, "x")) == str(Path(tmp_path.anchor, "x"))
    assert short_path("s3://bucket/x") == "s3://bucket/x"
