"""The real `budwood serve` as a process on a free port of loopback."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import KeyPolicy
from budwood_server.database import Database

MODELS = '[server.models]\nfast = "offline/extractive"\n'
TLS = ssl.create_default_context()
"""What clients would use for TLS. It is created once, because that takes long."""
MAX_WAIT = 120.0
"""Seconds without a line or an exit after which a process is killed."""


class ServeProcess:
    """
    Runs `budwood serve` inside a ``with`` block, and waits until it accepts connections.

    Args:
        folder: Its current folder, in which it also has its settings and its database.
        options: Further options of the command.
        settings: The content of ``budwood.toml``.
        environment: Variables in addition to those of the tests.

    Attributes:
        lines: What it has written to standard error, line by line.
        url: Its address, without a path.
        admin_key: The key that it has printed.
    """

    def __init__(self, folder: Path, *options: str, settings: str = MODELS, environment: dict[str, str] | None = None):
        self.folder = folder
        self.options = options
        self.write_settings(settings)
        self.environment = {
            **os.environ,
            "BUDWOOD_DATA_DIR": str(folder / "data"),
            "BUDWOOD_CONFIG_DIR": str(folder / "config"),
            **(environment or {}),
        }
        self.lines: list[str] = []
        self.url = ""
        self.admin_key = ""

    def write_settings(self, text: str) -> None:
        """Replace the settings at once, as editors do."""
        new = self.folder / "budwood.toml.new"
        new.write_text(text, "utf-8")
        new.replace(self.folder / "budwood.toml")

    def __enter__(self) -> Self:
        self.start()
        self.wait_for_line("create a key")
        self.url = self.find(r"serves at (http://\S+)/v1")
        self.admin_key = self.find(r"only now: (\S+)", default="")
        return self

    def start(self) -> None:
        """Start the process, without waiting."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "budwood_cli", "serve", "--port", "0", *self.options],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            env=self.environment,
            cwd=self.folder,
        )
        self._changed = threading.Condition()
        self._has_ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()  # workers end with their parent, and close the pipe
        self.process.stderr.close()

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def wait_for_line(self, text: str) -> str:
        """Return the first line that contains a text, once it is written."""

        def find() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self._changed:
            assert self._changed.wait_for(lambda: find() or self._has_ended, MAX_WAIT), self.lines
            found = find()
        assert found is not None, self.lines
        return found

    def find(self, pattern: str, default: str | None = None) -> str:
        """Return the first group of a pattern in the lines."""
        found = re.search(pattern, "\n".join(self.lines))
        return found[1] if found or default is None else default

    def wait(self) -> int:
        """Wait until the process has ended, and return its exit status."""
        try:
            status = self.process.wait(MAX_WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join()
        return status

    def import_api(self) -> None:
        """Have the worker import what answers requests under /api: the first takes long, and programs may not wait."""
        assert httpx.get(f"{self.url}/api/keys", timeout=MAX_WAIT, verify=TLS, trust_env=False).status_code == 401

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, not to its workers."""
        self.process.send_signal(number)

    def create_key(self, **policy: Any) -> str:
        """Create a key in the database, and return its token."""
        return asyncio.run(self._create_key(KeyPolicy(**({"name": "test"} | policy))))

    async def _create_key(self, policy: KeyPolicy) -> str:
        database = Database(f"sqlite:///{self.folder}/data/server.sqlite3")
        try:
            return (await KeyStore(database).create(policy)).token
        finally:
            await database.close()

    def client(self, key: str | None = None) -> httpx.Client:
        """Return a client with a key; by default one with a new key."""
        token = key or self.create_key()
        headers = {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=MAX_WAIT, verify=TLS)


def wait_until(condition: Callable[[], object]) -> None:
    """Ask until a condition holds, each time with a request or a look at processes, which take their time."""
    for _ in range(100_000):
        if condition():
            return
    raise AssertionError("the condition never held")
