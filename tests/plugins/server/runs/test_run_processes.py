"""Runs in workers that are killed, stopped, or cancel them."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from contextlib import closing

import pytest

from budwood_cli.program import run as run_program
from budwood_server.runs.claims import Claims, release_claims
from tests.chat_server import ChatServer
from tests.plugins.server.runs.running import SEEDS, RunGateway, WorkerProcess, conversation
from tests.plugins.server.serving import MODELS, ServeProcess, wait_until

pytestmark = pytest.mark.one_python


class HoldingServer(ChatServer):
    """
    A vendor that answers a number of calls, and holds the others until `go_on` is called.
    """

    def __init__(self, answers):
        super().__init__(fault=self.hold)
        self.answers = answers
        self.held = threading.Semaphore(0)
        self.opened = threading.Event()
        self.answered = []

    def hold(self, number, body):
        if number > self.answers and not self.opened.is_set():
            self.held.release()
            self.opened.wait(300)
        self.answered.append(body["messages"][-1]["content"])

    def go_on(self):
        self.opened.set()

    def __exit__(self, *error):
        self.opened.set()
        super().__exit__(*error)


class RunServer(ServeProcess):
    """
    A server with runs, by default without a worker of its own, whose model ``fast`` is one of a vendor.
    """

    def __init__(self, folder, url, vendor, worker="worker = false\nlease = 2", *options, timeout=60):
        settings = (
            f'[server]\ndatabase = "{url}"\nworker_timeout = {timeout}\n[server.runs]\ndir = "runs"\n{worker}\n'
            f'[server.models]\nfast = "local/tiny"\n[options]\nretries = 0\n'
            f'[providers.local]\nplugin = "openai-compatible"\nbase_url = "{vendor.origin}/v1"\n'
        )
        super().__init__(folder, *options, settings=settings)

    def __enter__(self):
        super().__enter__()
        with self.client(self.admin_key) as admin:
            key = admin.post("/api/keys", json={"name": "test"}).json()["key"]
        self.requests = self.client(key)
        return self

    def __exit__(self, *error):
        self.requests.close()
        super().__exit__(*error)

    def find_run(self, path):
        """
        Return a run as it is now.
        """
        return self.requests.get(path).json()


def submit(client, specification):
    """
    Submit a run, and return its path.
    """
    reply = client.post("/api/runs", json={"specification": specification})
    assert reply.status_code == 201, reply.text
    return f"/api/runs/{reply.json()['id']}"


def read_rows(client, path):
    """
    Return the indexes of the rows of a run.
    """
    return [row["index"] for row in client.get(f"{path}/rows").json()["items"]]


def test_the_run_of_a_worker_that_is_killed_is_continued_by_another(tmp_path, database_url):
    """
    No finished row is created again, and none is missing: the journal has what the first worker did.
    """
    seeds = [f"{number}. {seed}" for number in range(3) for seed in SEEDS]
    strategy = {"plugin": "seed-list", "seeds": seeds}
    specification = conversation(9, concurrency=2, conversation={"answerer": "fast", "strategy": strategy})
    with HoldingServer(answers=4) as vendor, RunServer(tmp_path, database_url, vendor) as server:
        path = submit(server.requests, specification)
        with WorkerProcess(server) as first:
            assert vendor.held.acquire(timeout=100)
            assert vendor.held.acquire(timeout=100)
            wait_until(lambda: server.find_run(path)["progress"]["rows_done"] == 4)
            first.send_signal(signal.SIGKILL)
            first.wait()
        finished = list(vendor.answered)
        assert server.find_run(path)["state"] == "running"

        vendor.go_on()
        with WorkerProcess(server):
            wait_until(lambda: server.find_run(path)["state"] == "complete")

        rows = server.requests.get(f"{path}/rows").json()["items"]
        asked = [row["data"]["messages"][0]["content"] for row in rows]
        assert sorted(asked) == sorted(seeds)
        assert [each for each in finished if vendor.answered.count(each) > 1] == []
        assert server.find_run(path)["progress"]["rows_done"] == 9


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_the_run_of_a_process_of_the_server_that_dies_or_hangs_is_continued_before_its_lease_ends(
    tmp_path, sqlite_url, fault
):
    """
    The server kills a process that hangs, knows of the death, and releases the claims of that process alone.
    """
    runs = "lease = 3600"
    with HoldingServer(answers=1) as vendor, RunServer(tmp_path, sqlite_url, vendor, runs, timeout=8) as server:
        path = submit(server.requests, conversation(3, concurrency=1))
        assert vendor.held.acquire(timeout=100)
        with closing(sqlite3.connect(tmp_path / "data" / "server.sqlite3")) as database:
            [(worker,)] = database.execute("SELECT worker FROM budwood_runs").fetchall()
        vendor.go_on()
        os.kill(int(worker.rsplit("-", 2)[1]), fault)

        wait_until(lambda: server.find_run(path)["state"] == "complete")
        assert server.find_run(path)["progress"]["rows_done"] == 3


def submit_several(client):
    """
    Submit runs whose rows have questions of their own, and return the paths and the questions.
    """
    paths, questions = [], []
    for number in range(5):
        seeds = [f"Run {number}, question {row}?" for row in range(2)]
        strategy = {"plugin": "seed-list", "seeds": seeds}
        paths.append(submit(client, conversation(2, conversation={"answerer": "fast", "strategy": strategy})))
        questions += seeds
    return paths, questions


def wait_for_all(server, paths):
    """
    Wait until runs are complete.
    """
    for path in paths:
        wait_until(lambda path=path: server.find_run(path)["state"] == "complete")


def test_two_workers_never_execute_a_run_at_the_same_time(tmp_path, database_url):
    """
    Each question is asked once, whichever worker claims which run.
    """
    with HoldingServer(answers=1000) as vendor, RunServer(tmp_path, database_url, vendor) as server:
        with WorkerProcess(server), WorkerProcess(server):
            paths, questions = submit_several(server.requests)
            wait_for_all(server, paths)
        assert sorted(vendor.answered) == questions


def test_a_server_of_several_workers_has_one_for_runs(tmp_path, sqlite_url):
    """
    Each process that answers requests knows of all runs; another one executes them.
    """
    options = ("worker = true", "--workers", "2")
    with HoldingServer(answers=1000) as vendor, RunServer(tmp_path, sqlite_url, vendor, *options) as server:
        paths, questions = submit_several(server.requests)
        wait_for_all(server, paths)
        assert sorted(vendor.answered) == questions
        with closing(sqlite3.connect(tmp_path / "data" / "server.sqlite3")) as database:
            workers = database.execute("SELECT worker FROM budwood_runs").fetchall()
    assert len({worker.rpartition("/")[0] for (worker,) in workers}) == 1


def test_a_run_whose_worker_died_five_times_fails(tmp_path):
    """
    The message says so. When it is resumed, it has as many attempts again.
    """
    with RunGateway(tmp_path) as gateway:
        run, database = gateway.submit(conversation(1)), gateway.worker.database
        for number in range(5):
            assert gateway.run(Claims(database, f"worker-{number}", 3600).claim()).id == run["id"]
            gateway.run(release_claims(database, f"worker-{number}"))
        assert gateway.run(Claims(database, "last", 3600).claim()) is None

        found = gateway.find(run)
        assert (found["state"], found["error"]["code"]) == ("failed", "worker_died")
        assert found["error"]["message"] == "The worker died 5 times while it executed this run."
        assert gateway.request("POST", f"/{run['id']}/resume")[0] == 200
        gateway.execute()
        assert gateway.find(run)["state"] == "complete"


def test_only_claims_of_the_worker_are_released(tmp_path):
    """
    Not those of another process, or of one whose name begins like it.
    """
    with RunGateway(tmp_path) as gateway:
        gateway.submit(conversation(1))
        database = gateway.worker.database
        claimed = gateway.run(Claims(database, "host_a-12-abc", 3600).claim())
        for other in ("hostxa-12-abc", "host_a-1", "host_a-12-ab", "host_a-12-abd"):
            gateway.run(release_claims(database, other))
        assert gateway.run(Claims(database, "second", 3600).claim()) is None

        gateway.run(release_claims(database, "host_a-12-abc"))
        assert gateway.run(Claims(database, "second", 3600).claim()).id == claimed.id


def test_a_run_is_cancelled_while_it_is_executed(tmp_path, sqlite_url):
    """
    Its calls are given up, its finished rows stay, and it can be resumed. A worker that is stopped gives it back.
    """
    with HoldingServer(answers=1) as vendor, RunServer(tmp_path, sqlite_url, vendor) as server:
        path = submit(server.requests, conversation(3, concurrency=1))
        with WorkerProcess(server) as first:
            assert vendor.held.acquire(timeout=100)
            first.send_signal(signal.SIGTERM)
            assert first.wait() == 0
            assert server.find_run(path)["state"] == "queued"
        with WorkerProcess(server):
            assert vendor.held.acquire(timeout=100)
            cancelled = server.requests.post(f"{path}/cancel")
            assert (cancelled.status_code, cancelled.json()["is_cancelling"]) == (200, True)
            wait_until(lambda: server.find_run(path)["state"] == "cancelled")
            assert server.find_run(path)["progress"]["rows_done"] == 1

            vendor.go_on()
            assert server.requests.post(f"{path}/resume").status_code == 200
            wait_until(lambda: server.find_run(path)["state"] == "complete")
            assert server.find_run(path)["progress"]["rows_done"] == 3


def test_runs_are_executed_that_are_switched_on_while_the_server_runs(tmp_path, sqlite_url):
    """
    The server starts its worker when the settings of runs appear, and another one when their folder changes.
    """
    server_only = f'[server]\ndatabase = "{sqlite_url}"\n{MODELS}'
    with ServeProcess(tmp_path, settings=server_only) as server:
        with server.client(server.admin_key) as admin:
            key = admin.post("/api/keys", json={"name": "test"}).json()["key"]
        with server.client(key) as requests:
            for folder in ("first", "second"):
                server.write_settings(f'{server_only}[server.runs]\ndir = "{folder}"\n')
                wait_until(lambda: requests.post("/api/runs", json={"specification": {}}).status_code == 400)
                wait_until(lambda folder=folder: submit_to(requests, tmp_path / folder))


def test_a_worker_of_its_own_uses_changed_settings_for_the_next_run(tmp_path, sqlite_url):
    """
    It is not started again when the folder of runs changes.
    """
    settings = f'[server]\ndatabase = "{sqlite_url}"\n{MODELS}[server.runs]\nworker = false\ndir = '
    with ServeProcess(tmp_path, settings=f'{settings}"first"\n') as server, WorkerProcess(server) as worker:
        with server.client(server.admin_key) as admin:
            key = admin.post("/api/keys", json={"name": "test"}).json()["key"]
        with server.client(key) as requests:
            assert submit_to(requests, tmp_path / "first")
            server.write_settings(f'{settings}"second"\n')
            wait_until(lambda: submit_to(requests, tmp_path / "second"))
        assert worker.poll() is None


def submit_to(client, folder):
    """
    Submit a run and wait until it is complete. Return whether its rows are in a folder.
    """
    path = submit(client, conversation(1))
    wait_until(lambda: client.get(path).json()["state"] in ("complete", "failed"))
    return (folder / "runs" / path.rpartition("/")[2] / "rows.jsonl").exists()


def test_the_worker_says_that_runs_are_off(tmp_path, monkeypatch, capsys):
    """
    To execute those that wait, the command needs the folder of runs.
    """
    monkeypatch.setenv("BUDWOOD_SERVER__DATABASE", f"sqlite:///{tmp_path}/server.sqlite3")

    assert run_program(["server", "worker", "--once"]) != 0
    assert "Dataset runs are off" in capsys.readouterr().err
