from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from budwood_cli.terminal import escape, write_json, write_table


@given(st.text())
def test_nothing_that_rules_a_terminal_is_left(text):
    """
    After escaping there is no control character but tab and newline, and no character that turns the direction.
    """
    left = set(escape(text)) - {"\t", "\n"}

    assert not [character for character in left if unicodedata.category(character) == "Cc"]
    assert not [character for character in left if unicodedata.bidirectional(character) in _TURNING]


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters(exclude_categories=["Cc", "Cf"])))
def test_plain_text_is_left_alone(text):
    """
    Text without control characters is shown as it is.
    """
    assert escape(text) == text


@given(st.text(), st.integers(0))
def test_escaping_works_piece_by_piece(text, cut):
    """
    However a stream cuts a text, it is escaped as the whole is.
    """
    cut %= len(text) + 1

    assert escape(text[:cut]) + escape(text[cut:]) == escape(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_json_is_still_json(text):
    """
    What `--json` writes means the same on a terminal as in a pipe.
    """
    assert json.loads(escape(json.dumps([text], ensure_ascii=False))) == [text]


def test_json_is_one_line(capsys):
    """
    Letters stay readable, and line ends within the text do not end the line.
    """
    write_json({"text": "ä\n"})

    assert capsys.readouterr().out == '{"text": "ä\\n"}\n'


def test_a_table_has_straight_columns(capsys):
    """
    Columns are as wide as their longest cell; a cell is one line, and None is empty.
    """
    write_table(("kind", "name"), [("cache", "memory"), ("provider", None), ("", "two\nlines")])

    assert capsys.readouterr().out == "kind      name\ncache     memory\nprovider\n          two lines\n"


def test_a_model_cannot_rule_the_terminal(terminal, vendor):
    """
    Escape sequences in a reply, also those that are cut in two by the stream, are shown and not obeyed.
    """
    vendor.words = ["safe \x1b", "]0;mine\x07", "\x9b2J", "over\rwritten"]
    screen = terminal("ask", "Hi", "--stream")

    assert screen.end() == 0

    assert "\x1b" not in screen.shown
    assert "\x9b" not in screen.shown
    assert "\\u001b]0;mine\\u0007\\u009b2Joverwritten" in screen.shown


def test_a_person_without_a_prompt_is_not_kept_waiting(terminal, vendor):
    """
    At a terminal the command does not read the keyboard for a prompt.
    """
    screen = terminal("ask")

    assert screen.end() == 2
    assert "error: No prompt given." in screen.shown
