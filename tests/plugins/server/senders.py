"""Threads that send requests to servers, while a test disturbs these."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from tests.plugins.server.serving import wait_until

PAUSE = 0.05
"""Seconds between two looks for a worker that starts."""


class Senders:
    """
    Sends requests from several threads inside a ``with`` block, over connections that are kept.

    Args:
        urls: The addresses of the servers. Each thread uses one of them.
        count: The number of threads.

    Attributes:
        count: The number of times that a thread has called `note_answer`.
        finished: The labels of the answered requests of each connection that was used to the end.
        broken: The labels of the answered requests of each connection that the server closed.
        statuses: The statuses that no request should have.
    """

    def __init__(self, urls, count):
        self._urls = [urls[number % len(urls)] for number in range(count)]
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self.count = 0
        self.finished, self.broken, self.statuses = [], [], []

    def send(self, connection, labels):
        """
        Send some requests, and append their labels when they are answered.
        """
        raise NotImplementedError

    def __enter__(self):
        self._pool = ThreadPoolExecutor(len(self._urls))
        self._threads = [self._pool.submit(self._send_until_stopped, url) for url in self._urls]
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._pool.shutdown()
        for thread in self._threads:
            thread.result()

    def wait_for(self, count):
        """
        Wait until so many more requests are answered.
        """
        with self._changed:
            wanted = self.count + count
            assert self._changed.wait_for(lambda: self.count >= wanted, 120)

    def note_answer(self):
        """
        Count an answered request.
        """
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def new_label(self):
        """
        Return a label that no other request has.
        """
        return f"call-{next(self._numbers)}"

    def request(self, connection, path, headers, body, *expected):
        """
        Send a POST, and return the body of a successful answer. A status that is not expected is noted.
        """
        connection.request("POST", path, json.dumps(body), headers | {"content-type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status not in expected:
            self.statuses.append((reply.status, text))
        return json.loads(text) if reply.status in (200, 201) else None

    def _send_until_stopped(self, url):
        while not self._stopping.is_set():
            connection = _connect(url)
            labels = []
            try:
                while not self._stopping.is_set():
                    self.send(connection, labels)
                self.finished.append(labels)
            except (OSError, http.client.HTTPException):
                self.broken.append(labels)
            finally:
                connection.close()


def _connect(url):
    """
    Return a connection, which reaches one worker and is not opened again.
    """
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
    connection.connect()
    connection.auto_open = 0
    return connection


def list_workers(server):
    """
    Return the numbers of the processes of all workers of a server.
    """
    with server.client(server.admin_key) as client:
        return [worker["pid"] for worker in client.get("/api/config").json()["workers"]]


def kill_process(pid):
    """
    Kill a process by its number. It ends when its parent notices that.
    """
    os.kill(pid, signal.SIGKILL)


def wait_for_replacement(server, *killed):
    """
    Wait until a server of two workers has others in place of those that were killed.
    """
    with server.client(server.admin_key) as client:  # one connection, to a worker that runs

        def has_two():
            time.sleep(PAUSE)  # the new worker needs the processor
            return len({worker["pid"] for worker in client.get("/api/config").json()["workers"]} - {*killed}) == 2

        wait_until(has_two)
