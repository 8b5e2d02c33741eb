from __future__ import annotations

import json
import subprocess
import sys

import pytest

import budwood as library
from budwood_cli.main import main

IMPORTED = """
import json, sys
from budwood_cli.main import main
sys.argv = ["budwood", *json.loads(sys.argv[1])]
main()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported_packages(*arguments):
    """
    Return the packages that a command imports.
    """
    run = subprocess.run(
        [sys.executable, "-c", IMPORTED, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_fast(budwood, option):
    """
    It is the version of the library, printed without importing other packages.
    """
    assert budwood(option).stdout == f"budwood {library.__version__}\n"

    assert not imported_packages(option) & {"typer", "rich", "pydantic", "httpx", "pluggy", "structlog"}


def test_an_interrupt_before_the_command_starts_is_no_traceback(monkeypatch):
    """
    Ctrl-C while the commands are being set up ends the program with status 130.
    """

    def interrupt(_name):
        raise KeyboardInterrupt

    monkeypatch.setattr("budwood_cli.program.load_command", interrupt)
    monkeypatch.setattr("sys.argv", ["budwood", "runs", "list"])

    assert main() == 130


def test_the_version_ignores_a_closed_pipe(started):
    """
    The status is 0 if the reader closes the pipe.
    """
    process = started("--version")
    process.stdout.close()

    assert (process.wait(), process.stderr.read()) == (0, b"")


def test_help_imports_only_typer(budwood):
    """
    Commands import their dependencies when they run.
    """
    run = budwood("--help")

    assert run.returncode == 0
    assert all(f"  {name} " in run.stdout for name in ("ask", "chat", "generate", "runs", "plugins", "models"))
    assert not imported_packages("--help") & {"pydantic", "httpx", "pluggy", "structlog", "budwood_generation"}


@pytest.mark.parametrize(
    "command",
    [
        ["ask"],
        ["chat"],
        ["run"],
        ["count"],
        ["generate"],
        ["runs"],
        ["runs", "list"],
        ["runs", "show"],
        ["runs", "resume"],
        ["plugins", "list"],
        ["plugins", "doctor"],
        ["models", "list"],
    ],
)
def test_every_command_has_help(budwood, command):
    """
    Help goes to standard output, and the status is 0.
    """
    run = budwood(*command, "--help")

    assert run.returncode == 0
    assert run.stdout.startswith(f"Usage: budwood {' '.join(command)} ")


def test_the_version_can_follow_other_options(budwood):
    """
    --version also works after a flag.
    """
    assert budwood("--debug", "--version").stdout == f"budwood {library.__version__}\n"
