"""The process of runs of a server: it dies while settings are not valid, and is stopped at any moment."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.plugins.server.runs.running import conversation
from tests.plugins.server.runs.test_run_processes import HoldingServer, RunServer, submit
from tests.plugins.server.serving import wait_until

pytestmark = pytest.mark.one_python


def find_process(folder):
    """
    Return the number of the process that executes the run of a server.
    """
    with closing(sqlite3.connect(folder / "data" / "server.sqlite3")) as database:
        [(worker,)] = database.execute("SELECT worker FROM budwood_runs").fetchall()
    return int(worker.rsplit("-", 2)[1])


def test_a_run_is_continued_with_the_present_settings_while_newer_ones_are_not_valid(tmp_path, sqlite_url):
    """
    The process that replaces a dead one begins with its settings, and each process says once that it rejects the newer.
    """
    with HoldingServer(answers=1) as vendor, RunServer(tmp_path, sqlite_url, vendor, "lease = 3600") as server:
        path = submit(server.requests, conversation(3, concurrency=1))
        assert vendor.held.acquire(timeout=100)
        dead = find_process(tmp_path)
        server.write_settings("[server.models]\nfast = 'no-model'\n")
        server.wait_for_line("process=server")
        server.wait_for_line("process='worker of runs'")
        vendor.go_on()
        os.kill(dead, signal.SIGKILL)

        wait_until(lambda: server.find_run(path)["state"] == "complete")
        assert server.find_run(path)["progress"]["rows_done"] == 3
        assert find_process(tmp_path) != dead
        assert not [line for line in server.lines if "cannot start" in line]


def test_a_process_that_dies_while_the_server_stops_is_no_warning(tmp_path, sqlite_url):
    """
    A service manager signals all processes of a server at the same time.
    """
    with HoldingServer(answers=0) as vendor, RunServer(tmp_path, sqlite_url, vendor, "lease = 3600") as server:
        submit(server.requests, conversation(1))
        assert vendor.held.acquire(timeout=100)
        child = find_process(tmp_path)
        server.send_signal(signal.SIGTERM)
        os.kill(child, signal.SIGKILL)
        assert server.wait() == 0
        assert not [line for line in server.lines if "died" in line]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which signals a process handles")
def test_a_process_ends_with_status_0_at_a_signal_before_it_has_imported_anything():
    """
    It waits for its order then: it has claimed no run.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        command = [sys.executable, "-P", "-m", "budwood_server.runs", str(number)]
        process = subprocess.Popen(command, pass_fds=[number])
        wait_until(lambda: handles(process.pid, signal.SIGTERM))
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def handles(pid, number):
    """
    Tell whether a process handles a signal: proc_pid_status(5), SigCgt.
    """
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    return bool(int(status["SigCgt"], 16) >> (number - 1) & 1)
