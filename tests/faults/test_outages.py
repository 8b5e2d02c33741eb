from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from budwood.errors import ConnectionFailedError
from budwood_generation import generate, resume
from budwood_generation.runs import gate, recovery
from tests.chat_server import ChatServer, failure
from tests.datasets import conversation_spec
from tests.ports import find_port

JOB = {"answerer": "local/tiny", "turns": [1, 3], "answerer_options": {"retries": 1}, "asker_options": {"retries": 1}}
SLOTS = 8
OUTAGE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def short_delays(request, monkeypatch):
    """
    Pauses of a run are a hundred times shorter, but for the tests that take a minute.
    """
    if request.node.get_closest_marker("deep"):
        return
    for module, name in ((gate, "FIRST_DELAY"), (gate, "MAX_DELAY"), (recovery, "FIRST_BACKOFF")):
        monkeypatch.setattr(module, name, getattr(module, name) / 100)


def hang_up(handler):
    """Close the connection without a reply."""
    handler.close_connection = True


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """
    The output and the number of calls of an undisturbed run.
    """
    with ChatServer() as server:
        report = generate(
            conversation_spec(tmp_path_factory.mktemp("expected"), job=JOB, rows=60, concurrency=SLOTS),
            settings=server.settings,
        )
    return report.output.read_bytes(), report.calls


FAULTS = {"503": failure(503), "500": failure(500), "429": failure(429), "lost": hang_up}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_outage_changes_no_row_and_pays_no_call_twice(tmp_path, expected, fault):
    """
    A server that fails for a while under load: the run waits, says why, and ends with the same bytes.
    """
    output, calls = expected
    seen = []
    is_down = threading.Event()

    def fail_for_a_while(number, _body):
        if number == 100:
            is_down.set()
        if seen and seen[-1].waiting and seen[-1].paused_seconds > 0.3:
            is_down.clear()
        return fault if is_down.is_set() else None

    with ChatServer(fault=fail_for_a_while) as server:
        spec = conversation_spec(tmp_path, job=JOB, rows=60, concurrency=SLOTS)
        report = generate(spec, settings=server.settings, on_progress=seen.append)

    assert report.output.read_bytes() == output
    assert (report.calls, report.failures) == (calls, ())
    assert report.paused_seconds > 0.3
    assert any("local/tiny is unavailable, next call in" in (step.waiting or "") for step in seen)


def test_a_server_that_restarts_is_waited_for(tmp_path, expected):
    """
    While nothing listens at its address, no reply is lost. No call is sent twice but those in flight.
    """
    output, _ = expected
    spec = conversation_spec(tmp_path, job=JOB, rows=60, concurrency=SLOTS)
    requests = []

    def restart(progress):
        if progress.waiting and len(servers) == 1:
            servers.append(servers[0].restarted())
            servers[1].__enter__()

    servers = [RestartableServer(stop_after=100)]
    servers[0].__enter__()
    try:
        report = generate(spec, settings=servers[0].settings, on_progress=restart)
    finally:
        for server in servers:
            server.stop()
            requests += server.requests

    bodies = [json.dumps(body, sort_keys=True) for body in requests]
    assert report.output.read_bytes() == output
    assert len(bodies) - len(set(bodies)) <= SLOTS


@pytest.mark.deep
def test_a_minute_of_failures_changes_no_row(tmp_path, expected, record_property):
    """
    The run waits with its own delays, and no call is answered twice.
    """
    output, calls = expected
    began = []

    def fail_for_a_minute(number, _body):
        if number == 100:
            began.append(time.monotonic())
        return FAULTS["503"] if began and time.monotonic() < began[0] + OUTAGE_SECONDS else None

    with ChatServer(fault=fail_for_a_minute) as server:
        spec = conversation_spec(tmp_path, job=JOB, rows=60, concurrency=SLOTS)
        report = generate(spec, settings=server.settings)

    assert report.output.read_bytes() == output
    assert (report.calls, report.failures) == (calls, ())
    assert report.paused_seconds > OUTAGE_SECONDS - 1
    record_property(
        f"The server answers 503 for {OUTAGE_SECONDS:.0f} s",
        f"paused for {report.paused_seconds:.0f} s; {calls} calls answered, none twice",
    )


@pytest.mark.deep
def test_a_server_that_is_away_for_a_minute_is_waited_for(tmp_path, expected, record_property):
    """
    Nothing listens at its address for that time. No call is sent twice but those in flight.
    """
    output, calls = expected
    servers = [RestartableServer(stop_after=100)]

    def restart():
        servers.append(servers[0].restarted())
        servers[1].__enter__()

    timer = threading.Timer(OUTAGE_SECONDS, restart)
    servers[0].on_stop = timer.start
    servers[0].__enter__()
    try:
        spec = conversation_spec(tmp_path, job=JOB, rows=60, concurrency=SLOTS)
        report = generate(spec, settings=servers[0].settings)
    finally:
        timer.cancel()
        for server in servers:
            server.stop()

    again = sum(len(server.requests) for server in servers) - calls
    assert report.output.read_bytes() == output
    assert again <= SLOTS
    assert report.paused_seconds > OUTAGE_SECONDS - 1
    record_property(
        f"Nothing listens for {OUTAGE_SECONDS:.0f} s",
        f"paused for {report.paused_seconds:.0f} s; {calls} calls, {again} of them sent twice",
    )


class RestartableServer(ChatServer):
    """
    A server that stops after a number of requests, and can be started again at the same port.
    """

    def __init__(self, *, stop_after=None, port=None):
        super().__init__(fault=self._count)
        self._server.server_close()
        self.listen(self._server.RequestHandlerClass, port or find_port())
        self.on_stop = lambda: None
        self._stop_after = stop_after
        self._is_stopped = False
        self._is_closed = threading.Event()

    def _count(self, number, _body):
        if self._stop_after is None or number < self._stop_after:
            return None
        if number == self._stop_after:
            threading.Thread(target=self.stop).start()
        self._is_closed.wait()  # so that a call that is sent again does not reach this server
        return hang_up

    def restarted(self):
        """Return a server at the same port."""
        self.stop()
        return RestartableServer(port=self._server.server_address[1])

    def stop(self):
        """Close the port."""
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
        self.__exit__()
        self._is_closed.set()
        self.on_stop()


def test_a_server_that_stays_away_ends_the_run_after_its_patience(tmp_path):
    """
    The error is that of the endpoint, with a note that says how to continue. Then the run is completed.
    """
    spec = conversation_spec(tmp_path, job=JOB, rows=20, concurrency=4, patience=0.1)

    with (
        ChatServer(fault=lambda number, _body: hang_up if number > 20 else None) as server,
        pytest.raises(ConnectionFailedError) as raised,
    ):
        generate(spec, settings=server.settings)
    assert any("budwood runs resume" in note for note in raised.value.__notes__)

    with ChatServer() as server:
        report = resume(spec.run_folder, settings=server.settings)
    assert (report.complete, report.total_calls - report.calls) == (True, 20)


def test_nothing_listens(tmp_path):
    """
    A run without patience ends at once if its server is not started.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        spec = conversation_spec(tmp_path, job=JOB, rows=20, patience=0)
        settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": address}}}

        with pytest.raises(ConnectionFailedError):
            generate(spec, settings=settings)
