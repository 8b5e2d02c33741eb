from __future__ import annotations

import json
import subprocess
import sys

import pytest

import budwood as library

IMPORTED = """
import json, sys
from budwood_cli.main import main
sys.argv = ["budwood", *json.loads(sys.argv[1])]
main()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported_by(*arguments):
    """
    The packages that are imported once a command has run.
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
def test_the_version_costs_nothing(budwood, option):
    """
    The version is the library's, and is said without importing what commands need.
    """
    assert budwood(option).stdout == f"budwood {library.__version__}\n"

    assert not imported_by(option) & {"typer", "rich", "pydantic", "httpx", "pluggy", "structlog"}


def test_a_closed_pipe_does_not_matter_to_the_version(started):
    """
    Nobody needs to read the answer.
    """
    process = started("--version")
    process.stdout.close()

    assert (process.wait(), process.stderr.read()) == (0, b"")


def test_help_imports_no_library_but_typer(budwood):
    """
    What a command needs is imported when it runs.
    """
    run = budwood("--help")

    assert run.returncode == 0
    assert all(f"  {name} " in run.stdout for name in ("ask", "chat", "generate", "runs", "plugins", "models"))
    assert not imported_by("--help") & {"pydantic", "httpx", "pluggy", "structlog", "budwood_generation"}


@pytest.mark.parametrize(
    "command",
    [
        ["ask"],
        ["chat"],
        ["tokens"],
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
    Help goes to standard output, and is fine.
    """
    run = budwood(*command, "--help")

    assert run.returncode == 0
    assert run.stdout.startswith(f"Usage: budwood {' '.join(command)} ")


def test_the_version_may_follow_other_options(budwood):
    """
    Also behind a flag, --version is known.
    """
    assert budwood("--debug", "--version").stdout == f"budwood {library.__version__}\n"
