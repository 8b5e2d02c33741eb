"""Processes that send webhooks: those of the server, or workers of their own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from budwood import Settings
from budwood.settings_sources import Source
from budwood_server.process import alone
from budwood_server.process.launch import Launch
from budwood_server.runs.process import serve_runs
from budwood_server.vault.master_keys import VARIABLE, new_master_key
from budwood_server.worker import Worker
from tests.plugins.server.databases import create_tables
from tests.plugins.server.runs.running import WorkerProcess
from tests.plugins.server.serving import MODELS, ServeProcess, wait_until

SENDING = "budwood-webhooks"
"""The name of the task that sends events."""


class Endpoint:
    """
    Accepts events on loopback, and keeps them.
    """

    def __enter__(self):
        received = self.received = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/events"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def serve(folder, url):
    """
    Return a server that sends no events itself.
    """
    settings = f'[server]\ndatabase = "{url}"\n{MODELS}[server.webhooks]\nworker = false\nallow_local = true\n'
    return ServeProcess(folder, "--workers", "2", settings=settings, environment={VARIABLE: new_master_key()})


@pytest.mark.one_python
def test_a_worker_sends_the_events_of_a_server_that_does_not(tmp_path, database_url):
    """
    Without dataset runs: the command needs nothing but the database. Events wait until it runs.
    """
    with Endpoint() as endpoint, serve(tmp_path, database_url) as server, server.client(server.admin_key) as admin:
        body = {"url": endpoint.url, "types": ["key.*"]}
        webhook = admin.post("/api/webhooks", json=body).raise_for_status().json()
        keys = [admin.post("/api/keys", json={"name": "new"}).raise_for_status().json()["id"] for _ in range(3)]
        path = f"/api/webhooks/{webhook['id']}/deliveries"
        wait_until(lambda: len(admin.get(path).json()["items"]) == 3)
        assert {each["state"] for each in admin.get(path).json()["items"]} == {"waiting"}
        assert endpoint.received == []

        with WorkerProcess(server):
            wait_until(lambda: len(admin.get(path, params={"state": "delivered"}).json()["items"]) == 3)
            keys.append(admin.post("/api/keys", json={"name": "new"}).raise_for_status().json()["id"])
            wait_until(lambda: len(admin.get(path, params={"state": "delivered"}).json()["items"]) == 4)

    assert {each["subject"] for each in endpoint.received} == {*keys}


@pytest.mark.one_python
def test_a_worker_says_what_it_does_and_stops_with_a_signal(tmp_path, sqlite_url):
    """
    Without runs it sends events; with them it does both.
    """
    create_tables(sqlite_url)
    runs = '[server.runs]\ndir = "runs"\n'
    for more, text in (("", "Budwood sends webhooks ("), (runs, "Budwood sends webhooks and executes dataset runs (")):
        server = ServeProcess(tmp_path, settings=f'[server]\ndatabase = "{sqlite_url}"\n{MODELS}{more}')
        command = [sys.executable, "-m", "budwood_cli", "server", "worker"]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, encoding="utf-8", env=server.environment, cwd=tmp_path
        ) as process:
            assert text in process.stderr.readline()
            process.terminate()
            assert (process.stderr.read(), process.wait()) == ("", 0)


@pytest.mark.parametrize(
    ("setting", "sends", "expected"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_who_sends(sqlite_url, setting, sends, expected):
    """
    A process that answers requests does as the settings say, and others as they are told.
    """
    settings = {"server": {"database": sqlite_url, "webhooks": {"worker": setting}}}

    async def main():
        worker = Worker(lambda: Settings(Source("arguments", settings)), sends_webhooks=sends)
        await worker.start()
        try:
            return any(task.get_name() == SENDING for task in asyncio.all_tasks())
        finally:
            await worker.stop()

    create_tables(sqlite_url)
    assert asyncio.run(main()) is expected


def test_the_process_of_runs_sends_nothing(monkeypatch):
    """
    `budwood serve` starts it next to processes that send.
    """

    class CreatedError(Exception):
        """The settings of the process are known."""

    def create(*_, sends_webhooks, **__):
        raise CreatedError(sends_webhooks)

    monkeypatch.setattr(alone, "create_worker", create)
    with pytest.raises(CreatedError, match="False"):
        asyncio.run(serve_runs(Launch(), lambda _: None))
