"""A gateway with dataset runs, and their worker, without servers."""

from __future__ import annotations

import json
import subprocess
import sys

from budwood_server.runs.run_worker import RunWorker
from tests.plugins.server.keyed_gateway import KeyedGateway

SEEDS = ["What gives the fruit?", "What gives the roots?", "When do I graft?"]


def conversation(rows=2, **changes):
    """
    Return a specification of conversations that need no document.
    """
    strategy = {"plugin": "seed-list", "seeds": SEEDS}
    return {"rows": rows, "conversation": {"answerer": "fast", "strategy": strategy}} | changes


class RunGateway(KeyedGateway):
    """
    A gateway with runs and documents in folders of their own.

    Args:
        folder: Where they are.
        url: The database; by default a file there.
        runs: Further settings of runs.
        settings: Further settings.
    """

    def __init__(self, folder, url=None, runs=None, **settings):
        self.folder = folder
        self.documents = folder / "documents"
        self.documents.mkdir()
        section = {"dir": str(folder / "runs"), "documents_dir": str(self.documents), **(runs or {})}
        server = {"models": {"fast": "offline/extractive"}, "runs": section, **settings.pop("server", {})}
        super().__init__({"server": server, **settings}, url or f"sqlite:///{folder}/server.sqlite3")

    def request(self, method, path="", body=None, key="owner", **headers):
        """
        Send a request to ``/api/runs``, and return the status and the body.
        """
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = ({"content_type": "application/json"} if content else {}) | headers
        answer = self.send(method, f"/api/runs{path}", self.keys.get(key, key), content, **headers)
        is_json = answer.headers.get("content-type") == "application/json"
        return answer.status, answer.json if is_json and answer.body else answer.body

    def submit(self, specification, key="owner", **fields):
        """
        Submit a run, and return it.
        """
        status, run = self.request("POST", "", {"specification": specification, **fields}, key)
        assert status == 201, run
        return run

    def refuse(self, specification, key="owner"):
        """
        Submit a run that is refused, and return the message.
        """
        status, body = self.request("POST", "", {"specification": specification}, key)
        assert status == 400, body
        assert body["error"]["code"] == "invalid_specification"
        return body["error"]["message"]

    def find(self, run, key="owner"):
        """
        Return a run as it is now.
        """
        status, found = self.request("GET", f"/{run['id']}", key=key)
        assert status == 200, found
        return found

    def execute(self):
        """
        Execute the runs that wait.
        """
        self.run(RunWorker(self.worker).execute_waiting())


class WorkerProcess:
    """
    Runs `budwood server worker` inside a ``with`` block, and kills it at the end.

    Args:
        server: The server whose settings and database it has.
    """

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "budwood_cli", "server", "worker"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.server.environment,
            cwd=self.server.folder,
        )
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
