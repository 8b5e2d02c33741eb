"""`budwood serve` as a real process: start, requests, signals and faults at the start."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_and_ends_with_status_0_at_ctrl_c(tmp_path, workers):
    """
    The start prints the address, the models, the database and the first admin key; a key of the database can infer.
    """
    with ServeProcess(tmp_path, "--workers", workers) as server:
        assert "fast" in server.wait_for_line("models:")
        assert str(tmp_path / "data" / "server.sqlite3") in server.wait_for_line("database:")
        with server.client() as client:
            reply = client.post("/v1/chat/completions", json=QUESTION)
            assert reply.status_code == 200, reply.text
            assert client.get("/livez").json() == {"status": "alive"}
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["database"]["ok"]) == (200, True)
        with server.client(server.admin_key) as client:
            assert client.post("/v1/chat/completions", json=QUESTION).status_code == 403

        server.send_signal(signal.SIGINT)

        assert server.wait() == 0


def test_the_admin_key_is_printed_only_once(tmp_path):
    """
    The second start does not print it, and creates no other.
    """
    with ServeProcess(tmp_path) as first:
        assert first.admin_key.startswith("bw_live_")
        first.send_signal(signal.SIGTERM)
        assert first.wait() == 0

    with ServeProcess(tmp_path) as second:
        assert second.admin_key == ""


def fail(folder, *options, **arguments):
    """
    Start a server that cannot start, and return its exit status and its lines.
    """
    server = ServeProcess(folder, *options, **arguments)
    server.start()
    try:
        return server.wait(), server.lines
    finally:
        server.process.stderr.close()


def test_a_port_in_use_is_one_line_with_the_cure(tmp_path):
    """
    The error names the port and the option.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, lines = fail(tmp_path, "--port", str(port))

    assert (status, len(lines)) == (3, 2)
    assert f"Port {port} of 127.0.0.1 is in use" in lines[0]
    assert "--port" in lines[1]


@pytest.mark.parametrize(
    ("settings", "said", "workers"),
    [
        ("[server]\ndrain = -1\n", "drain", "1"),
        ("[server]\nadmin_key = 'admin'\n", "admin_key", "1"),
        ("[server.models]\nfast = 'nowhere/model'\n", "nowhere", "1"),
        ("[server.models]\nfast = 'nowhere/model'\n", "nowhere", "2"),  # a worker notices it
        ("[server]\ndatabase = 'sqlite:////dev/null/x'\n", "/dev/null/x", "1"),
        ("[server]\ndatabase = 'sqlite://'\n", "in memory", "1"),
    ],
)
def test_invalid_settings_end_the_start(tmp_path, settings, said, workers):
    """
    An error of a line, and a hint, without a traceback. A first admin key is printed before, because it is created.
    """
    status, lines = fail(tmp_path, "--workers", workers, settings=settings)

    assert status == 3, lines
    if said == "nowhere":
        assert lines.pop(0).startswith("admin key, which is shown only now: bw_live_")
    assert lines[0].startswith("error: "), lines
    assert said in lines[0]
    assert len(lines) <= 2


def test_no_models_are_a_warning(tmp_path):
    """
    A server without models starts, and says what is missing.
    """
    with ServeProcess(tmp_path, settings="") as server:
        assert "[server.models]" in server.wait_for_line("warning:")


def test_a_worker_imports_neither_alembic_nor_redis(tmp_path):
    """
    They take memory, and a worker with an up-to-date database and without Redis does not need them.
    """
    with ServeProcess(tmp_path) as first:
        first.send_signal(signal.SIGTERM)
        assert first.wait() == 0

    with ServeProcess(tmp_path, environment={"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        with server.client() as client:
            assert client.post("/v1/chat/completions", json=QUESTION).status_code == 200
        imported = {line.rpartition("|")[2].strip() for line in server.lines if line.startswith("import time:")}

    assert "sqlalchemy" in imported
    assert imported.isdisjoint({"alembic", "redis"})


def test_workers_end_with_their_parent(tmp_path):
    """
    A parent that is killed leaves no workers behind: its port is free again.
    """
    with ServeProcess(tmp_path, "--workers", "2") as server:
        port = int(server.url.rpartition(":")[2])
        os.kill(server.process.pid, signal.SIGKILL)
        server.wait()  # the pipe ends when all workers have ended

    socket.create_server(("127.0.0.1", port)).close()
