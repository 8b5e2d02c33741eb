from __future__ import annotations

import pytest

from budwood_cli import loading, program
from budwood_cli.command_table import COMMANDS, Command, find_command
from budwood_cli.help_page import format_help
from budwood_cli.questions import ANSWERS

NAMES = [command.name for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_every_command_of_the_table_can_be_loaded(command):
    """
    The table names modules and objects that exist, and texts that fit on a line.
    """
    loaded = loading.load_command(command.name)

    assert loaded.name == command.name
    assert len(command.help) <= 60
    assert command.help.endswith(".")


def test_names_and_aliases_are_unique():
    """
    No name hides another one.
    """
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]

    assert len(set(names)) == len(names)
    assert find_command("run") is find_command("ask")


@pytest.mark.parametrize("columns", ["60", "100", "300"])
def test_the_help_fits_the_terminal(monkeypatch, columns):
    """
    Lines are as long as the terminal is wide, and never longer than is easy to read.
    """
    monkeypatch.setenv("COLUMNS", columns)

    lines = format_help().splitlines()

    assert max(map(len, lines)) <= min(int(columns), 100)
    assert all(any(line.startswith(f"  {name} ") for line in lines) for name in NAMES)


def test_a_missing_distribution_is_named(monkeypatch, budwood):
    """
    The error says how to install it, and the help marks the command.
    """
    missing = Command("serve", "Serve.", "budwood_absent.serve:app", "Server", distribution="budwood-absent")
    monkeypatch.setattr(loading, "find_command", {"serve": missing}.get)

    with pytest.raises(loading.MissingDistributionError, match="`budwood serve` needs budwood-absent") as error:
        loading.load_command("serve")

    assert "pip install" in error.value.hint
    assert not loading.is_installed(missing)


def test_a_distribution_whose_package_is_missing_is_named(monkeypatch):
    """
    The module of a command may be part of the command line, and what it needs of another distribution.
    """
    missing = Command("x", "X.", "budwood_cli.runs:app", "X", distribution="budwood-absent", package="budwood_absent")
    monkeypatch.setattr(loading, "find_command", {"x": missing}.get)

    with pytest.raises(loading.MissingDistributionError, match="needs budwood-absent, which is not installed"):
        loading.load_command("x")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["asq"], "error: No such command 'asq'. Did you mean 'ask'?"),
        (["--debgu", "ask"], "error: No such option: --debgu. Did you mean --debug?"),
        (["runs", "shwo"], "error: No such command 'shwo'. Did you mean 'show'?"),
        (["xyzzy"], "error: No such command 'xyzzy'.\nhint: `budwood --help` lists the commands."),
    ],
)
def test_a_mistyped_name_gives_near_matches(budwood, arguments, expected):
    """
    They are usage errors.
    """
    run = budwood(*arguments)

    assert run.returncode == 2
    assert run.stderr.startswith(expected)


@pytest.mark.parametrize("arguments", [["--debug", "ask", "Hi"], ["ask", "--debug", "Hi"], ["ask", "Hi", "--debug"]])
def test_switches_work_before_and_after_the_command(budwood, arguments):
    """
    They are hidden options of each command.
    """
    run = budwood(*arguments, "-m", "openai/gpt-4o")

    assert run.returncode == 4
    assert run.stderr.startswith("Traceback (most recent call last):")


def test_a_switch_after_the_command_turns_on_nothing_else(monkeypatch):
    """
    Its value is neither that of another switch nor that of a parameter with an ordinary name.
    """
    values = []

    def command(value: str) -> None:
        values.append((value, ANSWERS.no_input))

    monkeypatch.setenv("BUDWOOD_DEBUG", "0")
    monkeypatch.setattr(ANSWERS, "no_input", False)

    loading._to_click("x", command).main(["text", "--debug"], standalone_mode=False)

    assert values == [("text", False)]


@pytest.mark.parametrize(
    "arguments", [["--no-input", "runs", "rm", "talks.jsonl"], ["runs", "rm", "talks.jsonl", "--no-input"]]
)
def test_no_input_is_an_error_that_names_the_option(terminal, budwood, spec, vendor, arguments):
    """
    Also at a terminal no question is asked.
    """
    assert budwood("generate", "spec.toml", "--quiet").returncode == 0

    screen = terminal(*arguments)

    assert screen.end() == 2
    assert "hint: Pass --yes." in screen.shown


@pytest.mark.parametrize("switch", ["--yes", "-y"])
def test_yes_is_accepted_by_commands_that_ask_nothing(switch, capsys):
    """
    As the other switches.
    """
    assert program.run(["config", "path", switch]) == 0
