"""Blocking sockets wait no longer than the remaining time of the call."""

from __future__ import annotations

import httpcore
import pytest

from budwood.transports.deadlines import DeadlineBackend, ThreadDeadline, WaitingSockets


class RecordingNetwork(httpcore.NetworkBackend, httpcore.NetworkStream):
    """A network without I/O that records how long each step was allowed to take."""

    def __init__(self):
        self.timeouts = []

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.timeouts.append(timeout)
        return self

    def connect_unix_socket(self, path, timeout=None, socket_options=None):
        self.timeouts.append(timeout)
        return self

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        self.timeouts.append(timeout)
        return self

    def read(self, max_bytes, timeout=None):
        self.timeouts.append(timeout)
        return b""

    def write(self, buffer, timeout=None):
        self.timeouts.append(timeout)


@pytest.fixture
def deadline():
    """
    The deadline of this thread.
    """
    return ThreadDeadline()


@pytest.fixture
def make_backend(deadline, clock):
    """
    Create backends under that deadline, with the test's clock.
    """

    def make(inner=None):
        return DeadlineBackend(inner or RecordingNetwork(), deadline, WaitingSockets(), clock.monotonic)

    return make


@pytest.mark.parametrize(("timeout", "granted"), [(60, 3), (3.5, 3), (2.5, 2.5), (None, 3)])
def test_shorter_of_timeout_and_deadline_applies(make_backend, deadline, clock, timeout, granted):
    """
    A timeout is shortened to the remaining time of the call, and never extended.
    """
    deadline.ends_at = clock.monotonic() + 3

    assert make_backend().time_left(timeout) == granted


@pytest.mark.parametrize("timeout", [None, 5])
def test_timeouts_without_a_deadline_are_unchanged(make_backend, timeout):
    """
    Outside of a call, timeouts are not shortened.
    """
    assert make_backend().time_left(timeout) == timeout


@pytest.mark.parametrize("late", [0, 1])
@pytest.mark.parametrize("timeout", [None, 5])
def test_no_step_starts_after_the_deadline(make_backend, deadline, clock, late, timeout):
    """
    At the deadline the call times out.
    """
    deadline.ends_at = clock.monotonic() - late

    with pytest.raises(httpcore.ReadTimeout):
        make_backend().time_left(timeout)


def test_each_step_gets_the_remaining_time(make_backend, deadline, clock):
    """
    Connecting, the TLS handshake, writing and reading share the remaining time of the call.
    """
    network = RecordingNetwork()
    backend = make_backend(network)
    deadline.ends_at = clock.monotonic() + 10

    stream = backend.connect_tcp("vendor.example", 443, timeout=60)
    clock.now += 1
    stream = stream.start_tls(None, timeout=60)
    clock.now += 1
    stream.write(b"", timeout=60)
    for _ in range(2):
        clock.now += 1
        stream.read(1, timeout=60)
    clock.now += 1
    backend.connect_unix_socket("socket", timeout=60)

    assert network.timeouts == [10, 9, 8, 7, 6, 5]
