"""Commands that other distributions add by an entry point of the group ``budwood.commands``."""

from __future__ import annotations

import os

import pytest

FUNCTION = """
import typer

def greet(name: str, loud: bool = False):
    '''Greet somebody.'''
    typer.echo(f"Hello, {name}{'!' if loud else '.'}")
"""
GROUP = """
import typer

app = typer.Typer(help="Greetings.")

@app.command()
def hello():
    '''Say hello.'''
    typer.echo("Hello.")

@app.command()
def bye():
    '''Say goodbye.'''
    typer.echo("Bye.")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """
    Install a distribution with commands: its metadata and its module, in a folder on the path.
    """
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))

    def write(name, commands, source):
        module = name.replace("-", "_")
        (site / f"{module}.py").write_text(f"print('imported')\n{source}")
        metadata = site / f"{module}-1.2.3.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n")
        entries = "".join(f"{command} = {module}:{attribute}\n" for command, attribute in commands.items())
        (metadata / "entry_points.txt").write_text(f"[budwood.commands]\n{entries}")

    return write


def test_a_function_is_a_command(budwood, install):
    """
    It has its options, the switches of all commands, and its help.
    """
    install("acme-greetings", {"greet": "greet"}, FUNCTION)

    assert budwood("greet", "Ada", "--loud", "--no-input").stdout == "imported\nHello, Ada!\n"
    assert "\n\n  Greet somebody.\n" in budwood("greet", "--help").stdout


def test_a_typer_app_is_a_group_of_commands(budwood, install):
    """
    Its commands are subcommands.
    """
    install("acme-greetings", {"greet": "app"}, GROUP)

    assert budwood("greet", "bye").stdout == "imported\nBye.\n"
    assert "Usage: budwood greet [OPTIONS] COMMAND" in budwood("greet", "--help").stdout


def test_the_help_lists_commands_with_their_distributions_and_imports_none(budwood, install):
    """
    Names come from metadata.
    """
    install("acme-greetings", {"greet": "greet"}, FUNCTION)

    listed = budwood("--help").stdout

    assert "  greet               From acme-greetings.\n" in listed
    assert "imported" not in listed


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("", "cannot be imported: AttributeError: "),
        ("greet = 7", "is a int, not a function or a typer.Typer."),
    ],
)
def test_a_broken_command_is_an_error_that_names_its_distribution(budwood, install, source, problem):
    """
    Other commands still work.
    """
    install("acme-greetings", {"greet": "greet"}, source)

    run = budwood("greet")

    assert run.returncode == 3
    assert f"error: The command 'greet' of acme-greetings 1.2.3 {problem}" in run.stderr
    assert "hint: Update acme-greetings, or uninstall it." in run.stderr
    assert budwood("ask", "--help").returncode == 0


def test_a_command_of_budwood_cannot_be_replaced(budwood, install):
    """
    The other command is ignored, and the help says so.
    """
    install("acme-greetings", {"ask": "greet", "run": "greet"}, FUNCTION)

    assert "Send a prompt to a model" in budwood("ask", "--help").stdout
    assert "Send a prompt to a model" in budwood("run", "--help").stdout
    text = " ".join(budwood("--help").stdout.split())
    assert "Ignored: the command 'ask' of acme-greetings 1.2.3, because that is a command of Budwood." in text


def test_a_name_that_cannot_be_typed_is_ignored(budwood, install):
    """
    The help says why.
    """
    install("acme-greetings", {"--debug": "greet"}, FUNCTION)

    text = " ".join(budwood("--help").stdout.split())

    assert "'--debug' of acme-greetings 1.2.3, because that is not a valid name" in text


def test_two_distributions_with_the_same_command_are_an_error(budwood, install):
    """
    The error names both.
    """
    install("acme-greetings", {"greet": "greet"}, FUNCTION)
    install("other-greetings", {"greet": "greet"}, FUNCTION)

    run = budwood("greet", "Ada")

    assert run.returncode == 3
    assert "acme-greetings 1.2.3" in run.stderr
    assert "other-greetings 1.2.3" in run.stderr


def test_a_mistyped_command_is_compared_with_those_of_other_distributions(budwood, install):
    """
    Near matches are suggested.
    """
    install("acme-greetings", {"greet": "greet"}, FUNCTION)

    run = budwood("gret")

    assert run.stderr.startswith("error: No such command 'gret'. Did you mean 'greet'?\n")
