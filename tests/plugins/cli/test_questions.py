from __future__ import annotations

import os
import sys

import pytest

from budwood_cli import questions
from budwood_cli.errors import ArgumentError
from tests.plugins.cli.terminals import end_program

pytestmark = pytest.mark.one_python

pexpect = pytest.importorskip("pexpect", reason="not on Windows")

SCRIPT = """
from budwood_cli.main import main
from budwood_cli import questions
try:
    print("answer:", repr({call}))
except KeyboardInterrupt:
    print("interrupted")
"""

ALL = [
    'questions.confirm("Remove it?")',
    'questions.ask_text("Name", flag="--name NAME")',
    'questions.ask_secret("API key", flag="--token -")',
    'questions.choose("Which?", ["a", "b"], flag="--provider NAME")',
]


@pytest.fixture
def ask():
    """
    Ask a question in a process at a pseudo-terminal.
    """
    children = []

    def start(call):
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"}
        arguments = ["-c", SCRIPT.format(call=call)]
        children.append(pexpect.spawn(sys.executable, arguments, env=environment, encoding="utf-8", timeout=120))
        return children[-1]

    yield start
    for child in children:
        end_program(child)


@pytest.mark.parametrize(
    ("typed", "answer"), [("y", True), ("YES", True), ("n", False), ("", False), ("what\nyes", True)]
)
def test_a_confirmation_is_yes_or_no(ask, typed, answer):
    """
    An empty line is no. Any other answer repeats the question.
    """
    child = ask('questions.confirm("Remove it?", details="It is old.")')

    child.expect_exact("It is old.\r\nRemove it? [y/N] ")
    child.sendline(typed)

    child.expect_exact(f"answer: {answer}")


def test_an_empty_line_confirms_if_that_is_the_default(ask):
    """
    The capital letter is the default.
    """
    child = ask('questions.confirm("Write it?", default=True)')

    child.expect_exact("Write it? [Y/n] ")
    child.sendline("")

    child.expect_exact("answer: True")


def test_a_text_is_asked_until_it_is_given(ask):
    """
    A line of spaces is no answer.
    """
    child = ask('questions.ask_text("Name", flag="--name NAME")')

    child.expect_exact("Name: ")
    child.sendline("  ")
    child.expect_exact("An answer is needed; Ctrl-C leaves.\r\nName: ")
    child.sendline(" Ada ")

    child.expect_exact("answer: 'Ada'")


def test_an_empty_line_is_the_default_of_a_text(ask):
    """
    The default is shown in brackets.
    """
    child = ask('questions.ask_text("Name", flag="--name NAME", default="Ada")')

    child.expect_exact("Name [Ada]: ")
    child.sendline("")

    child.expect_exact("answer: 'Ada'")


def test_a_secret_is_not_shown(ask):
    """
    What is typed appears nowhere at the terminal, and spaces around it are removed.
    """
    child = ask('len(questions.ask_secret("API key", flag="--token -"))')

    child.expect_exact("API key: ")
    child.waitnoecho(timeout=120)
    child.sendline(" sk-secret ")
    child.expect_exact("answer: 9")

    assert "sk-secret" not in child.before


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("2", "openrouter"), ("OLLAMA", "ollama"), ("ol", "ollama"), ("", "openai"), ("9\nopen\nopenr", "openrouter")],
)
def test_a_choice_is_a_number_a_name_or_the_start_of_one(ask, typed, answer):
    """
    An answer that is unknown or ambiguous repeats the question.
    """
    choices = {"openai": "GPT", "openrouter": "many vendors", "ollama": "local"}
    child = ask(f'questions.choose("Which provider?", {choices}, flag="--provider NAME", default="openai")')

    child.expect_exact("Which provider?\r\n  1  openai      GPT\r\n  2  openrouter  many vendors\r\n")
    child.expect_exact("Number or name [openai]: ")
    child.sendline(typed)

    child.expect_exact(f"answer: {answer!r}")


def test_an_ambiguous_choice_names_the_candidates(ask):
    """
    The message lists what the answer can mean.
    """
    child = ask('questions.choose("Which?", ["openai", "openrouter", "ollama"], flag="--provider NAME")')

    child.expect_exact("Number or name: ")
    child.sendline("open")

    child.expect_exact("'open' can be openai, openrouter.\r\nNumber or name: ")


@pytest.mark.parametrize("call", ALL)
@pytest.mark.parametrize("key", ["c", "d"])
def test_ctrl_c_and_ctrl_d_leave_a_question(ask, call, key):
    """
    Both raise KeyboardInterrupt, and the next output begins on a new line.
    """
    child = ask(call)

    child.expect_exact([": ", "[y/N] "])
    if "secret" in call:
        child.waitnoecho(timeout=120)
    child.sendcontrol(key)

    child.expect_exact("\r\ninterrupted\r\n")


@pytest.mark.parametrize("call", ALL)
def test_without_a_terminal_the_error_names_the_option(call, capsys):
    """
    A question is never left out silently, and never waits for a pipe.
    """
    flags = {"confirm": "--yes", "ask_text": "--name NAME", "ask_secret": "--token -", "choose": "--provider NAME"}
    with pytest.raises(ArgumentError, match="needs an answer, but standard input is not a terminal") as error:
        eval(call)

    assert error.value.hint == f"Pass {flags[call.partition('.')[2].partition('(')[0]]}."
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("call", ALL)
def test_no_input_makes_questions_errors(ask, call):
    """
    With --no-input no question is asked, also at a terminal.
    """
    child = ask(f"setattr(questions.ANSWERS, 'no_input', True) or {call}")

    child.expect("ArgumentError: .* needs an answer, but --no-input is set")


def test_yes_confirms_without_a_question(monkeypatch):
    """
    The option of the command, and the one before the command, are equal.
    """
    assert questions.confirm("Remove it?", yes=True)

    monkeypatch.setattr(questions.ANSWERS, "yes", True)
    assert questions.confirm("Remove it?")
