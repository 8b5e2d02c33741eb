"""Two servers and two workers on one database, which send events to an endpoint."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from budwood_server.events.event_types import EVENT_TYPES
from budwood_server.events.reading import parse_id
from budwood_server.people.principals import COMMAND
from budwood_server.vault.master_keys import VARIABLE, new_master_key, parse_master_keys
from budwood_server.webhooks.store import create_webhook
from tests.plugins.server.databases import fetch, open_database
from tests.plugins.server.runs.running import WorkerProcess
from tests.plugins.server.senders import kill_process, list_workers, wait_for_replacement
from tests.plugins.server.serving import ServeProcess
from tests.plugins.server.webhooks.verifying import VerifyingEndpoint

SETTINGS = """
[server]
database = "{url}"
[server.models]
fast = "offline/extractive"
[server.webhooks]
allow_local = true
timeout = 1.5
lease = 2
poll = 0.5
schedule = [{delays}]
"""


class Deployment:
    """
    Two servers and two workers inside a ``with`` block.

    Args:
        folder: An empty folder.
        url: The URL of a new database.

    Attributes:
        endpoint: The endpoint, which gets all events.
        servers: The servers, each with two workers that answer requests.
        workers: The processes that only send events.
        admin_key: A key for all acts.
        killed: The numbers of the processes that were killed.
    """

    def __init__(self, folder, url):
        self.url = url
        self._folder = folder
        self.endpoint = VerifyingEndpoint(self.kill_sender)
        self._key = new_master_key()
        self.servers, self.workers, self.killed = [], [], []

    def __enter__(self):
        self.endpoint.secret = asyncio.run(self._create_webhook())
        with ExitStack() as stack:
            stack.enter_context(self.endpoint)
            self.servers = [stack.enter_context(self._create_server(name)) for name in ("first", "second")]
            self.admin_key = self.servers[0].admin_key
            self.servers[1].admin_key = self.admin_key
            self.workers = [stack.enter_context(WorkerProcess(server)) for server in self.servers]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _create_server(self, name):
        folder = self._folder / name
        folder.mkdir()
        settings = SETTINGS.format(url=self.url, delays=", ".join(["0.1"] * 50))
        return ServeProcess(folder, "--workers", "2", settings=settings, environment={VARIABLE: self._key})

    async def _create_webhook(self):
        """
        Create the endpoint before the servers start, so that each of them has known it from the beginning.
        """
        fields = {"name": "all", "url": self.endpoint.url, "types": EVENT_TYPES, "subjects": None}
        fields |= {"sees_all": True, "with_texts": False, "concurrency": 10, "per_second": None}
        async with open_database(self.url) as database, database.write() as connection:
            _, secret = await create_webhook(connection, COMMAND, parse_master_keys(self._key, "environment"), fields)
        return secret

    def list_running(self):
        """
        Return the numbers of the processes that run, in their order: those that answer requests, and the workers.
        """
        served = {pid for server in self.servers for pid in list_workers(server)}
        return sorted({*served, *(worker.pid for worker in self.workers)} - {*self.killed})

    def kill(self, pid):
        """
        Kill a process, and return its number.
        """
        kill_process(pid)
        self.killed.append(pid)
        return pid

    def kill_sender(self, event):
        """
        Kill the process that sends an event, by the public id of that, and return its number.
        """
        query = f"SELECT worker FROM budwood_deliveries WHERE place = {parse_id(event)}"
        [(worker,)] = fetch(self.url, query)
        return self.kill(int(worker.rsplit("-", 2)[1]))

    def replace(self, pid):
        """
        Start another worker in place of one that was killed. Servers replace their processes themselves.
        """
        for number, worker in enumerate(self.workers):
            if worker.pid == pid:
                worker.wait()
                self.workers[number] = self._stack.enter_context(WorkerProcess(self.servers[number]))

    def wait_for_replacements(self):
        """
        Wait until there is another process in place of each one that was killed.
        """
        for server in self.servers:
            wait_for_replacement(server, *self.killed)
