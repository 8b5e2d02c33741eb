"""``budwood setup`` in a process of its own: at a pseudo-terminal, or with pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.cli.setup.file_keyring import VARIABLE, read_secrets
from tests.plugins.cli.setup.vendors import GOOD_KEY
from tests.plugins.cli.terminals import end_program

pexpect = pytest.importorskip("pexpect", reason="not on Windows")

REPOSITORY = Path(__file__).resolve().parents[4]
WITH_KEYRING = "tests.plugins.cli.setup.file_keyring.FileKeyring"
WITHOUT_KEYRING = "keyring.backends.fail.Keyring"
SEEN = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


class Machine:
    """
    The files of a user, and the environment of commands.

    Attributes:
        folder: The current folder.
        environment: The environment variables.
    """

    def __init__(self, root):
        self.folder = root / "work"
        self.folder.mkdir()
        self.config = root / "config"
        self.keyring_file = root / "keyring.json"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "BUDWOOD_CONFIG_DIR": str(self.config),
            "PYTHON_KEYRING_BACKEND": WITH_KEYRING,
            VARIABLE: str(self.keyring_file),
            "OLLAMA_HOST": "127.0.0.1:9",  # nothing listens there
            "TERM": "xterm",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "NO_PROXY": "*",
            **dict.fromkeys(SEEN, str(root / "home")),
        }
        self.children = []

    @property
    def user_file(self):
        """The settings of the user."""
        return self.config / "budwood.toml"

    @property
    def index(self):
        """The index of the stored keys."""
        return self.config / "credentials.json"

    @property
    def secrets(self):
        """The secrets in the keyring, by provider."""
        return {
            name.removeprefix("budwood:").removesuffix("/default"): secret
            for name, secret in read_secrets(self.keyring_file).items()
        }

    def snapshot(self):
        """
        Return the content of all files of settings and keys. An index without keys is as good as none.
        """
        folders = [folder for folder in (self.config, self.folder) if folder.exists()]
        files = [path for folder in folders for path in folder.rglob("*") if path.suffix != ".lock"]
        contents = {path: path.read_bytes() for path in (*files, self.keyring_file) if path.is_file()}
        return {
            path: data
            for path, data in contents.items()
            if not (path in (self.index, self.keyring_file) and not json.loads(data).get("keys", json.loads(data)))
        }

    def start(self, *arguments):
        """
        Start the command at a pseudo-terminal.
        """
        command = ["-m", "budwood_cli", "setup", *map(str, arguments)]
        child = pexpect.spawn(
            sys.executable, command, env=self.environment, cwd=str(self.folder), encoding="utf-8", timeout=120
        )
        self.children.append(child)
        return child

    def run(self, *arguments, stdin=""):
        """
        Run the command with pipes.
        """
        return subprocess.run(
            [sys.executable, "-m", "budwood_cli", "setup", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env=self.environment,
            cwd=self.folder,
            check=False,
        )

    def run_json(self, *arguments, stdin=""):
        """
        Run the command with ``--json``, and return what it prints.
        """
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def close(self):
        """
        End the commands that are left.
        """
        for child in self.children:
            end_program(child)


def answer(child, question, text):
    """
    Wait for a question, and answer it.
    """
    child.expect_exact(question)
    child.sendline(text)


def finish(child):
    """
    Wait for the end of a command, and return its last output and its status.
    """
    child.expect(pexpect.EOF)
    child.wait()
    assert GOOD_KEY not in child.before
    return child.before.replace("\r\n", "\n"), child.exitstatus
