"""Completion as users meet it: keys that are typed into bash, fish and zsh."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from tests.plugins.cli.terminals import end_program

pytestmark = pytest.mark.one_python

pexpect = pytest.importorskip("pexpect", reason="not on Windows")

PROMPT = "READY> "
PROGRAM = """#!/bin/sh
case "$1" in
    --complete | --show-completion | --install-completion) exec {python} -m budwood_cli "$@" ;;
    *) printf 'RAN:'; printf '[%s]' "$@"; echo ;;
esac
"""
"""The command, which prints its arguments instead of running."""

SHELLS = {
    "bash": ["--noprofile", "--norc", "-i"],
    "fish": ["--private", "--no-config", "-i"],
    "zsh": ["-f", "-i"],
}
LOAD = {
    "bash": f"PS1='{PROMPT}'; source <(budwood --show-completion bash)",
    "fish": f"function fish_prompt; echo -n '{PROMPT}'; end; budwood --show-completion fish | source",
    "zsh": f"PS1='{PROMPT}'; autoload -Uz compinit; compinit -u; source <(budwood --show-completion zsh)",
}


class Shell:
    """
    A shell at a pseudo-terminal.
    """

    def __init__(self, name, environment, load):
        self.child = pexpect.spawn(name, SHELLS[name], env=environment, encoding="utf-8", timeout=120)
        self.child.sendline(f"{load}; echo LOA''DED")
        self.child.expect_exact("LOADED")
        self.child.expect_exact(PROMPT)

    def run(self, keys):
        """Type keys and Enter, and return the arguments that the command gets."""
        self.child.send(f"{keys}\r")
        self.child.expect(r"RAN:(\[[^\r\n]*\])\r?\n")
        return self.child.match[1][1:-1].split("][")


@pytest.fixture(params=SHELLS)
def name(request):
    """
    A shell of this machine.
    """
    if shutil.which(request.param) is None:
        reason = f"{request.param} is missing: run `apt-get install {request.param}`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return request.param


@pytest.fixture
def environment(vendor, tmp_path):
    """
    A home folder, and a command `budwood` that prints its arguments.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "budwood"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    (tmp_path / "notes.txt").write_text("Tea is green.")
    home = {name: str(tmp_path) for name in ("HOME", "ZDOTDIR")}
    home |= {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("CACHE", "CONFIG", "DATA", "STATE")}
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return {**os.environ, **home, "PATH": path, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}


@pytest.fixture
def shell(name, environment):
    """
    A shell that has loaded the script.
    """
    shell = Shell(name, environment, LOAD[name])
    yield shell
    end_program(shell.child)


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [
        ("budwood telem\t", ["telemetry"]),
        ("budwood runs exp\t", ["runs", "export"]),
        ("budwood --no-inp\tmodels sh\t", ["--no-input", "models", "show"]),
        ("budwood ask --max-t\t7", ["ask", "--max-tokens", "7"]),
        ("budwood plugins new --kind prov\tx", ["plugins", "new", "--kind", "provider", "x"]),
        ("budwood ask -m loc\tti\thi", ["ask", "-m", "local/tiny:1b", "hi"]),
        ("budwood ask -m local/tiny:1\thi", ["ask", "-m", "local/tiny:1b", "hi"]),
        ("budwood ask --model=local/lar\thi", ["ask", "--model=local/large", "hi"]),
        ("budwood keys list off\tx", ["keys", "list", "offline", "x"]),
        ("budwood ask -f not\t hi", ["ask", "-f", "notes.txt", "hi"]),
    ],
)
def test_tab_completes_words(shell, vendor, tmp_path, keys, arguments):
    """
    Commands, options, choices, providers, models and files are completed, and nothing is sent.
    """
    lists = tmp_path / "cache" / "budwood" / "models"
    lists.mkdir(parents=True)
    (lists / "local.json").write_text('["tiny:1b", "large"]')

    assert [argument for argument in shell.run(keys) if argument] == arguments
    assert vendor.requests == []
