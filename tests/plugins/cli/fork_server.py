"""
Runs the command in forks of one process that has imported it, so that a test does not wait for the imports each time.

A fork has pipes, an environment, a working folder and an exit status of its own, as a program that was just started.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

LENGTH = struct.Struct("!I")
IMPORTED = (
    "budwood.client.arguments",
    "budwood.client.blocking",
    "budwood.client.transports",
    "budwood.credential_store",
    "budwood.providing.sqlite",
    "budwood.streams",
    "budwood_cli.clients",
    "budwood_cli.main",
    "budwood_cli.options",
    "budwood_cli.program",
    "budwood_generation.runs.runner",
    "budwood_generation.spec_sources",
    "budwood_offline.provider",
    "budwood_openai_compatible",
    "httpcore",
    "rich.console",
    "rich.progress",
    "rich.table",
    "tomlkit",
    "typer",
)
"""What most commands import."""


def python_variables(environment):
    """
    Return the variables that Python reads when it starts.
    """
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


class ForkServer:
    """
    The process that has imported the command. One command runs at a time.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self.requests, theirs = socket.socketpair()
        with theirs:
            program, pipe = [sys.executable, __file__, str(theirs.fileno())], subprocess.PIPE
            self.process = subprocess.Popen(
                program, pass_fds=[theirs.fileno()], env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe
            )  # pipes as in its forks: Python asks what they are only once

    def can_run(self, environment):
        """
        Whether a command with these variables can be a fork: Python reads some of them only when it starts.
        """
        return python_variables(environment) == python_variables(self.environment)

    def run(self, arguments, stdin, environment):
        """
        Run the command to its end.
        """
        pipes = [os.pipe() for _ in range(3)]
        (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err) = pipes
        order = {"arguments": arguments, "environment": environment, "folder": str(Path.cwd())}
        message = json.dumps(order).encode()
        outputs = [b"", b""]
        threads = [
            threading.Thread(target=write_all, args=(ours_in, stdin.encode())),
            threading.Thread(target=read_all, args=(ours_out, outputs, 0)),
            threading.Thread(target=read_all, args=(ours_err, outputs, 1)),
        ]
        with self.lock:
            theirs = [theirs_in, theirs_out, theirs_err]
            socket.send_fds(self.requests, [LENGTH.pack(len(message))], theirs)
            self.requests.sendall(message)
            for descriptor in theirs:
                os.close(descriptor)
            for thread in threads:
                thread.start()
            status = json.loads(receive(self.requests))
        for thread in threads:
            thread.join()
        stdout, stderr = (output.decode().replace("\r\n", "\n").replace("\r", "\n") for output in outputs)
        return subprocess.CompletedProcess(["budwood", *arguments], status, stdout, stderr)

    def close(self):
        """
        End the process.
        """
        self.requests.close()
        self.process.communicate()


def write_all(descriptor, data):
    """
    Write the input of a command, which may not read it.
    """
    try:
        with os.fdopen(descriptor, "wb") as pipe:
            pipe.write(data)
    except BrokenPipeError:
        pass


def read_all(descriptor, outputs, place):
    """
    Read an output of a command to its end.
    """
    with os.fdopen(descriptor, "rb") as pipe:
        outputs[place] = pipe.read()


def receive(connection):
    """
    Return the next message of the other side; empty if it has gone.
    """
    (length,) = LENGTH.unpack(head) if (head := connection.recv(LENGTH.size, socket.MSG_WAITALL)) else (0,)
    return connection.recv(length, socket.MSG_WAITALL) if length else b""


def serve(requests):
    """
    Fork for each request, and answer with the exit status. Return in the fork, ready to run the command.
    """
    while True:
        head, descriptors, _, _ = socket.recv_fds(requests, LENGTH.size, 3)
        if not head:
            os._exit(0)
        order = json.loads(requests.recv(LENGTH.unpack(head)[0], socket.MSG_WAITALL))
        child = os.fork()
        if child == 0:
            requests.close()
            become(order, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        status = json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode()
        requests.sendall(LENGTH.pack(len(status)) + status)


def become(order, descriptors):
    """
    Take the pipes, the environment, the folder and the arguments of a request.
    """
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.path[0] = order["folder"]  # as with `python -m`
    sys.argv[1:] = order["arguments"]


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # so that forks share this memory
    serve(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(sys.modules["budwood_cli.main"].main())
