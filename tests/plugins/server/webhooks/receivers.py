"""
Many receivers of events in a process of their own, so that the process that sends can be measured without them.

``/healthy/N`` accepts each event at once, ``/slow/N`` after a time, and ``/flaky/N`` answers 500 at random.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager

SLOW_SECONDS = 3.0
FLAKY_PART = 0.3


class Report:
    """
    What has arrived at a path.
    """

    def __init__(self):
        self.requests = 0
        self.ids = set()
        self.last = 0.0

    def add(self, event_id):
        """
        Note a request that was accepted.
        """
        if event_id not in self.ids:
            self.last = time.time()
        self.ids.add(event_id)

    def describe(self):
        """
        Return the numbers, and when the last new event arrived, in seconds since 1970.
        """
        return {"requests": self.requests, "events": len(self.ids), "last": self.last}


class Slow:
    """
    The requests to slow endpoints that are under way.
    """

    def __init__(self):
        self.now = self.most = 0

    def change(self, by):
        """
        Note that one begins (1) or ends (-1).
        """
        self.now += by
        self.most = max(self.most, self.now)


class Connection(asyncio.Protocol):
    """
    Answers the requests of a connection, which come one after the other.
    """

    def __init__(self, reports, randomness, slow):
        self._reports = reports
        self._slow = slow
        self._random = randomness
        self._data = b""

    def connection_made(self, transport):
        """
        Keep the transport.
        """
        self._transport = transport

    def data_received(self, data):
        """
        Answer once the request is complete.
        """
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if len(body) < int(headers["content-length"]):
            return
        self._data = b""
        path = lines[0].split(" ")[1]
        report = self._reports[path]
        report.requests += 1
        if path.startswith("/flaky") and self._random.random() < FLAKY_PART:
            self._answer(500)
            return
        report.add(headers["webhook-id"])
        if path.startswith("/slow"):
            self._slow.change(1)
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self._answer_slowly)
        else:
            self._answer(204)

    def _answer_slowly(self):
        self._slow.change(-1)
        self._answer(204)

    def _answer(self, status):
        self._transport.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)


async def main(seed):
    """
    Serve, print the port, and print what has arrived when the input ends.
    """
    reports, randomness, slow = defaultdict(Report), random.Random(seed), Slow()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(reports, randomness, slow), "127.0.0.1", 0, backlog=1024
    )
    tell(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.read)
    found = {path: report.describe() for path, report in reports.items()}
    tell(json.dumps(found | {"most_slow": slow.most}))


def tell(line):
    """
    Write a line to the parent.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Receivers:
    """
    The process.

    Attributes:
        url: Its address, without a path.
    """

    def __init__(self, process):
        self._process = process
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}"

    def stop(self):
        """
        Stop it, and return what has arrived at each path.
        """
        output, _ = self._process.communicate()
        return json.loads(output)


@contextmanager
def run_receivers(seed):
    """
    Run the process. The seed decides which requests fail at random.
    """
    command = [sys.executable, __file__, str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Receivers(process)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
