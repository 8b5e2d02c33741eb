"""A real Redis server for tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import find_port


def find_redis_server():
    """
    Return the program. Without it the test is skipped; in CI it fails.
    """
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("there is no redis-server: run `apt-get install redis-server`")
        pytest.skip("there is no redis-server on this machine: run `apt-get install redis-server`")
    return program


class RedisServer:
    """
    A server on a Unix socket, and on a port of loopback; it stores nothing on disk.
    """

    def __init__(self, *options):
        self._program = find_redis_server()
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))  # the path of a socket must be short
        self.port = find_port()
        self.url = f"unix://{self._folder / 'socket'}"
        self._options = options
        self._process = None

    def start(self):
        """
        Start the server, and wait until it answers.
        """
        settings = {
            "unixsocket": self._folder / "socket",
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "dir": self._folder,
        }
        command = [self._program, *(part for name, value in settings.items() for part in (f"--{name}", str(value)))]
        self._process = subprocess.Popen([*command, *self._options], stdout=subprocess.PIPE, text=True)
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            if "eady to accept connections" in line and (" at " in line or "unix" in line):  # the socket comes last
                return
        pytest.fail("".join(lines))

    def kill(self):
        """
        Kill the server. All its data is lost.
        """
        self._process.kill()
        self._process.communicate()

    @contextmanager
    def paused(self):
        """
        Let the server not answer within a ``with`` block. Its data is kept.
        """
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.kill()
        shutil.rmtree(self._folder)


class LosingProxy:
    """
    Forwards connections to a port of loopback, one after the other, and loses one answer.

    It closes the first connection whose request contains some bytes, once the server has answered.
    """

    def __init__(self, port, marker):
        self.lost = threading.Event()
        self._target = port
        self._marker = marker
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._target)) as server:
                self._forward(client, server)

    def _forward(self, client, server):
        while data := client.recv(1 << 16):
            server.sendall(data)
            answer = server.recv(1 << 16)
            if self._marker in data and not self.lost.is_set():
                self.lost.set()
                return
            client.sendall(answer)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
