"""A real keyring: gnome-keyring on a message bus of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

import pytest

SERVICE = "org.freedesktop.secrets"
NEEDS = ("dbus-daemon", "gnome-keyring-daemon")
INSTALL = "apt-get install dbus-daemon gnome-keyring"


def require_keyring():
    """
    Skip the test where the programs are not installed; in CI, fail.
    """
    if missing := [name for name in NEEDS if shutil.which(name) is None]:
        message = f"{' and '.join(missing)} not found: {INSTALL}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


class SecretService:
    """
    The keyring of one test.

    Args:
        folder: An empty folder for its files.

    Attributes:
        environment: The variables of programs that use it.
    """

    def __init__(self, folder):
        self._folder = folder
        for name in ("run", "data"):
            (folder / name).mkdir(mode=0o700)
        self._bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1", "--nopidfile"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._variables(),
        )
        self.environment = self._variables() | {
            "DBUS_SESSION_BUS_ADDRESS": self._bus.stdout.readline().strip(),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
        }
        self._daemon = None

    def start(self, *, locked=False):
        """
        Start the daemon, with an open or a locked keyring, and wait until it can be used.
        """
        options = [] if locked else ["--unlock"]
        with self._connect() as connection:
            arrived = self._watch(connection)
            self._daemon = subprocess.Popen(
                ["gnome-keyring-daemon", "--foreground", "--components=secrets", *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self.environment,
            )
            self._daemon.stdin.write(b"" if locked else b"password")
            self._daemon.stdin.close()
            arrived()

    def stop(self):
        """
        Stop the daemon. Its keyring stays on the disk, locked.
        """
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait()
            self._daemon = None

    def close(self):
        """
        Stop the daemon and the bus.
        """
        self.stop()
        self._bus.terminate()
        self._bus.wait()
        self._bus.stdout.close()

    def _variables(self):
        """Return the environment without a display, on which the daemon would ask for a password."""
        kept = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
        return kept | {"XDG_RUNTIME_DIR": str(self._folder / "run"), "XDG_DATA_HOME": str(self._folder / "data")}

    @contextlib.contextmanager
    def _connect(self):
        from jeepney.io.blocking import open_dbus_connection

        connection = open_dbus_connection(bus=self.environment["DBUS_SESSION_BUS_ADDRESS"])
        with contextlib.closing(connection):
            yield connection

    @staticmethod
    def _watch(connection):
        """Return a function that waits until the service is on the bus."""
        from jeepney import MatchRule, message_bus
        from jeepney.io.blocking import Proxy

        rule = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
        rule.add_arg_condition(0, SERVICE)
        Proxy(message_bus, connection).AddMatch(rule)

        def wait():
            with connection.filter(rule) as messages:
                connection.recv_until_filtered(messages)

        return wait


@contextlib.contextmanager
def run_secret_service(folder):
    """
    Run a bus and an open keyring.
    """
    require_keyring()
    service = SecretService(folder)
    try:
        service.start()
        yield service
    finally:
        service.close()
