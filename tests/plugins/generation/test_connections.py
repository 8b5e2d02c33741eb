from __future__ import annotations

import sys
import threading

import pytest

from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood_generation import generate
from budwood_generation.runs.connections import SPARE_FILES, allow_connections
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec

resource = pytest.importorskip("resource", reason="Windows has no limit of open files")


def limits_of(settings, slots):
    """Return the maximum of connections of each transport in settings, for a number of slots."""
    allowed = allow_connections(Settings.load({"transports": settings}), slots)
    return {name: allowed.instance_settings("transports", name).get("max_connections") for name in settings}


def test_fewer_connections_than_slots_are_raised():
    """
    Otherwise calls would wait in the transport. Settings that suffice, or are not set, stay as they are.
    """
    settings = {"default": {"max_connections": 5}, "aiohttp": {"max_connections": 500}, "httptools": {}}

    assert limits_of(settings, 50) == {"default": 50, "aiohttp": 500, "httptools": None}


def test_other_settings_of_a_transport_are_kept():
    """
    Only the number of connections changes.
    """
    settings = Settings.load({"transports": {"default": {"max_connections": 1, "keepalive_expiry": 5}}})

    allowed = allow_connections(settings, 8).instance_settings("transports", "default")

    assert allowed == {"max_connections": 8, "keepalive_expiry": 5}


def test_settings_that_suffice_are_the_same():
    """
    They are not copied.
    """
    settings = Settings.load({})

    assert allow_connections(settings, 8) is settings


def test_as_many_calls_are_sent_as_slots(tmp_path):
    """
    Although the settings permit one connection.
    """
    barrier = threading.Barrier(4)

    def wait_for_all(number, _body):
        if number <= 4:
            barrier.wait()

    with ChatServer(fault=wait_for_all) as server:
        settings = server.settings | {"transports": {"default": {"max_connections": 1}}}
        spec = conversation_spec(tmp_path, job={"answerer": "local/tiny", "turns": 1}, rows=4, concurrency=4)
        assert generate(spec, settings=settings).complete


@pytest.fixture
def file_limits(monkeypatch):
    """
    Replace the limits of open files of this process: the soft limit, then the hard one.
    """
    limits = [1024, 4096]
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, new: limits.__setitem__(slice(None), new))
    return limits


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_limit_of_open_files_is_raised(file_limits):
    """
    Each connection is an open file. The limit is only raised if it is too low.
    """
    allow_connections(Settings.load({}), 100)
    assert file_limits == [1024, 4096]

    allow_connections(Settings.load({}), 2000)
    assert file_limits == [2000 + SPARE_FILES, 4096]


def test_too_many_slots_for_the_system_are_an_error(file_limits):
    """
    The hint names the limit to raise.
    """
    with pytest.raises(ConfigurationError, match=r"may open 4,096 files, but the run needs 5,128\. .* ulimit -n"):
        allow_connections(Settings.load({}), 5000)
