from __future__ import annotations

import io
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from budwood_cli import terminal
from budwood_cli.chats.markdown import THEME, Reply, find_last_block

MARKUP = (
    *("# ", "- ", "1. ", "> ", "```", "```py\n", "\n", "\n\n", "|a|b|\n|-|-|\n|c|d|\n", "| x | word |\n", "|", "---|"),
    *("**", "*", "_", "`", "[w](http://u.v)", "![i](http://p.q)", "<b>", "</b>", "<div>\n", "[r]: http://k.l\n", "~~"),
    *("<http://au.to>", "    code\n", "---\n", "===\n", "word ", "&amp;", "\\", "\t", "日本語", "e\u0301", "\x1b[31m"),
    *("  \n", "[x] ", "$x_1$ "),
)
FRAGMENTS = st.sampled_from(MARKUP) | st.text(max_size=5)
TEXTS = st.lists(FRAGMENTS, max_size=25).map("".join).map(terminal.escape)


def render(text, width=60):
    """
    Return a reply as a terminal without colors shows it.
    """
    console = Console(file=io.StringIO(), width=width, theme=THEME, color_system=None)
    console.print(Reply(text))
    return "\n".join(line.rstrip() for line in console.file.getvalue().strip("\n").split("\n"))


@given(TEXTS, st.integers(1, 100))
def test_any_text_is_rendered_without_losses(text, width):
    """
    No text and no width is an error, and all words are shown.
    """
    shown = render(text, width)

    words = re.compile("word|http")
    assert len(words.findall(re.sub("[^a-z]", "", shown))) >= len(words.findall(text)) or width < 20


@given(TEXTS, st.data())
def test_complete_blocks_stay_as_they_are(text, data):
    """
    Where a block begins does not change when more text arrives.
    """
    length = data.draw(st.integers(0, len(text)))
    start = find_last_block(text[:length])

    assert start <= find_last_block(text)
    assert (
        "".join(render(text[:start]).split())
        == "".join(render(text).split())[: len("".join(render(text[:start]).split()))]
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\nb"),
        ("```python\nx = 1\n```", "x = 1"),
        ("```one word\nx = 1\n```", "one word\nx = 1"),
        ("```[w](http://u.v)", "[w](http://u.v)"),
        ("# Title\n\ntext", "Title\n\ntext"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("<div>\nraw\n</div>", "<div>\nraw\n</div>"),
        ("[r]: http://k.l", "[r]: http://k.l"),
        ("[here](http://u.v)", "here (http://u.v)"),
        ("[**here**](http://u.v)", "here (http://u.v)"),
        ("<http://u.v>", "http://u.v"),
        ("![a tree](http://p.q/tree.png)", "a tree (http://p.q/tree.png)"),
        ("```python\ndef f():\n    return 1\n```", "def f():\n    return 1"),
        ("|a|b|\n|-|-|\n|1|2|", "a  b\n────\n1  2"),
        ("- a\n- b", " • a\n • b"),
    ],
)
def test_markdown_is_rendered(text, shown):
    """
    Markup becomes layout; what rich would leave out is text.
    """
    assert render(text).strip("\n") == shown


def test_a_table_that_does_not_fit_is_shown_as_its_source():
    """
    Columns of a few characters could not be read.
    """
    table = "|one|two|three|four|five|\n|-|-|-|-|-|\n|1|2|3|4|5|"

    assert render(table, width=26) == table
    assert "───" in render(table, width=60)


def test_long_cells_are_folded():
    """
    Nothing of a long word is cut.
    """
    assert render(f"|a|b|\n|-|-|\n|1|{'x' * 100}|", width=30).count("x") == 100


def rows_of(screen, word):
    """
    Return the rows of a terminal that begin with a word, without indentation.
    """
    return [row.strip() for row in screen.rows if row.strip().startswith(word)]


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (30, 6)])
def test_a_reply_longer_than_the_screen(emulator, vendor, columns, lines):
    """
    Each line is shown once, in order: paragraphs, a table and code that are higher than the terminal.
    """
    code = "".join(f"code_{number} = {number}\n" for number in range(60))
    table = "".join(f"| row-{number} | {number} |\n" for number in range(40))
    items = "".join(f"1. item {number}\n" for number in range(30))
    text = (
        f"# Title\n\n**First** of all\n\n| a | b |\n|---|---|\n{table}\n```python\n{code}```\n\n{items}\n\nThe end.\n"
    )
    vendor.words = [text[start : start + 7] for start in range(0, len(text), 7)]
    screen = emulator("chat", columns=columns, lines=lines)
    screen.wait_until(lambda screen: screen.text.endswith(">"), "a prompt")
    screen.type("Hi\n")
    screen.wait_for("The end.\n>")

    assert rows_of(screen, "code_") == [f"code_{number} = {number}" for number in range(60)]
    assert [row.split() for row in rows_of(screen, "row-")] == [[f"row-{number}", str(number)] for number in range(40)]
    assert [row.split()[-1] for row in screen.rows if " item " in row] == [str(number) for number in range(30)]
    assert screen.text.count("First of all") == 1
    assert screen.text.count("…") == 0


def test_markdown_is_rendered_while_it_arrives(emulator, vendor):
    """
    The first words are shown before the reply is complete, and the cursor comes back.
    """
    vendor.words = ["Some **bold**", " text"]
    vendor.gate = threading.Event()
    screen = emulator("chat")
    screen.ask("Hi", "Some bold")
    vendor.gate.set()
    screen.wait_for("Some bold text")
    screen.wait_for_prompt()

    assert screen.text.count("Some bold") == 1


def test_a_pipe_gets_the_text_as_it_is(budwood, vendor):
    """
    Markdown is rendered only at a terminal.
    """
    vendor.words = ["**Hello**\n", "| a |"]

    assert budwood("chat", stdin="One\n").stdout == "**Hello**\n| a |\n"
