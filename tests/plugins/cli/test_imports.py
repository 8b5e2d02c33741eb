"""What each command imports: nothing that it does not use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from budwood_cli.command_table import COMMANDS

pytestmark = pytest.mark.one_python

HEAVY = ("asyncio", "httpx", "prompt_toolkit", "pydantic", "rich", "typer")
"""Packages that take long to import."""

RUN = """
import json, sys
from budwood_cli.main import main
sys.argv = ["budwood", *json.loads(sys.argv[1])]
status = main()
sys.stdout.flush()
print(json.dumps([status, sorted(name for name in sys.modules if name in HEAVY or name in COMMANDS)]))
"""
MODULES = {command.name: command.module for command in COMMANDS}

USES = {
    ("ask", "Hi", "-m", "offline/extractive"): {"pydantic"},
    ("count", "Hi", "--offline", "-m", "offline/extractive"): {"pydantic"},
    ("models", "show", "offline/extractive"): {"pydantic"},
    ("plugins", "list"): {"pydantic"},
    ("keys", "list", "offline"): {"pydantic"},
    ("endpoints", "offline"): {"pydantic"},
    ("jobs", "list"): {"pydantic"},
    ("usage",): {"pydantic"},
    ("telemetry", "view"): {"pydantic"},
    ("runs", "list"): {"pydantic", "asyncio"},
}
"""Commands that need no vendor, and the heavy packages that they may import, besides typer."""


def imported(*arguments):
    """
    Return the exit status of a command, and the heavy packages and modules of commands that it imports.
    """
    source = f"HEAVY = {HEAVY!r}\nCOMMANDS = {sorted(MODULES.values())!r}\n{RUN}"
    run = subprocess.run(
        [sys.executable, "-c", source, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    status, names = json.loads(run.stdout.splitlines()[-1])
    return status, set(names)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["nonsense"], []])
def test_without_a_command_nothing_heavy_is_imported(arguments):
    """
    The help is printed from the table.
    """
    assert imported(*arguments)[1] == set()


@pytest.mark.parametrize("name", MODULES)
def test_the_help_of_a_command_imports_its_module_and_typer(name):
    """
    What it needs to run is imported when it runs.
    """
    status, names = imported(name, "--help")

    assert status == 0
    assert names - shared(name) == {"typer", MODULES[name]}


@pytest.mark.parametrize("arguments", USES, ids=" ".join)
def test_a_command_imports_what_it_uses(arguments):
    """
    None imports the module of another command, or the packages of progress bars and of the other kind of client.
    """
    _, names = imported(*arguments)

    assert names - shared(arguments[0]) <= {"typer", MODULES[arguments[0]], *USES[arguments]}


def shared(name):
    """
    Return the modules of other commands from which a command takes options.
    """
    others = {"batch": "budwood_cli.jobs", "telemetry": "budwood_cli.usage", "video": "budwood_cli.media"}
    return {others[name]} if name in others else set()
