"""The command line: usage errors, logs, files and listings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def budwood(*arguments, folder=None, stdin="", **environment):
    """
    Run the command and return its result.
    """
    return subprocess.run(
        [sys.executable, "-m", "budwood_cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | environment,
        cwd=folder,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["ask", "-m"], "budwood ask"),
        (["ask", "-m", "a", "-t"], "budwood ask"),
        (["ask", "--no-such-option"], "budwood ask"),
        (["runs", "resume", "--quiet=3", "x"], "budwood runs resume"),
        (["--debug", "runs", "resume", "--quiet=3", "x"], "budwood runs resume"),
        (["runs", "no-such-command"], "budwood runs"),
        (["no-such-command", "-m"], "budwood"),
        (["--no-such-option", "ask"], "budwood"),
    ],
)
def test_a_usage_error_names_the_help_of_its_command(arguments, command):
    """
    The hint of a usage error names the `--help` of the command.
    """
    run = budwood(*arguments)

    assert run.returncode == 2
    assert f"hint: `{command} --help`" in run.stderr


LOG = "import budwood; budwood.configure_logging(); budwood.ask('Hi', model='offline/extractive')"


def test_a_log_in_a_file_has_no_colors():
    """
    A log that is written to a file contains no escape sequences.
    """
    run = subprocess.run([sys.executable, "-c", LOG], capture_output=True, text=True, check=True)

    assert "request" in run.stderr
    assert "\x1b" not in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("environment", "has_colors"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_log_on_a_terminal_has_colors_unless_they_are_turned_off(environment, has_colors):
    """
    ``NO_COLOR`` and terminals without escape sequences turn colors off.
    """
    import pty  # not on Windows

    parent, child = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | environment
    subprocess.run([sys.executable, "-c", LOG], stderr=child, env=variables, check=True)
    os.close(child)
    text = os.read(parent, 100_000)
    os.close(parent)

    assert b"request" in text
    assert (b"\x1b" in text) is has_colors


def test_save_does_not_replace_other_files(tmp_path):
    """
    `/save` replaces only a file that this conversation wrote; for other files it prints an error.
    """
    (tmp_path / "notes.txt").write_text("precious")
    chat = ["chat", "-m", "offline/extractive"]

    refused = budwood(*chat, folder=tmp_path, stdin="/save notes.txt\n")
    assert (refused.returncode, (tmp_path / "notes.txt").read_text()) == (2, "precious")
    assert refused.stderr == "error: notes.txt exists.\nhint: /save! notes.txt replaces it.\n"

    assert budwood(*chat, folder=tmp_path, stdin="/save talk.json\n/save talk.json\n").returncode == 0
    loaded = [*chat, "--load", "talk.json"]
    assert budwood(*loaded, folder=tmp_path, stdin="/save talk.json\n").returncode == 0
    assert budwood(*chat, folder=tmp_path, stdin="/save! notes.txt\n").returncode == 0
    assert (tmp_path / "notes.txt").read_text() != "precious"


def test_a_hyphen_is_standard_input():
    """
    The prompt `-` is read from standard input.
    """
    options = ["-m", "offline/extractive"]
    text = "What is grafted? A shoot is grafted onto a rootstock."

    assert budwood("ask", *options, "-", stdin=text).stdout == "A shoot is grafted onto a rootstock.\n"
    assert "No prompt given" in budwood("ask", *options, "-").stderr


def test_runs_are_listed_by_paths_that_can_be_typed(tmp_path):
    """
    `budwood runs list` shows paths relative to the current folder; its JSON has absolute paths.
    """
    (tmp_path / "spec.toml").write_text(
        'rows = 1\noutput = "a.jsonl"\n[conversation]\nanswerer = "offline/extractive"\n'
        'strategy = { plugin = "seed-list", seeds = ["Tea is green."] }\n'
    )
    assert budwood("generate", "spec.toml", folder=tmp_path).returncode == 0

    last = budwood("runs", "list", folder=tmp_path).stdout.splitlines()[-1]

    assert last.split()[-1] == "a.jsonl.run"
    assert str(tmp_path / "a.jsonl.run") in budwood("runs", "list", "--json", folder=tmp_path).stdout


def test_presets_are_listed_with_the_plugins():
    """
    `budwood plugins list` shows presets such as `vllm` with the plugin that provides them.
    """
    lines = [line.split() for line in budwood("plugins", "list").stdout.splitlines()]

    assert ["provider", "vllm", "budwood-openai-compatible"] in [line[:3] for line in lines if line[-1] == "preset"]


def test_completion_is_for_the_shell_that_is_named():
    """
    The completion script is for the named shell, which need not be the one that runs the command.
    """
    assert budwood("--show-completion", "zsh").stdout.startswith("#compdef budwood")
    assert "complete -F" in budwood("--show-completion", "bash").stdout

    run = budwood("--show-completion", "tcsh")

    assert (run.returncode, run.stdout) == (2, "")
    assert "bash, fish, zsh" in run.stderr
