"""Fixtures of the fault matrix."""

from __future__ import annotations

import pytest

from tests.faults.matrix.cells import BACKUP, FIRST, no_thread_left, run, start_servers
from tests.faults.matrix.table import FAULTS


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """
    Reach loopback servers without the proxies of the environment.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def short_look_ups(monkeypatch):
    """
    Give up a look-up of an unknown host after 1 s, since a query to a name server may be lost; see resolv.conf(5).
    """
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")


@pytest.fixture(scope="session")
def imported():
    """
    Import what calls need, so that it does not count as a part of their timeouts.
    """
    slow, fast = (next(fault for fault in FAULTS if fault.name == name) for name in ("slow drip", "500"))
    for mode in ("plain", "streamed"):
        for blocking in (True, False):
            for fault in (slow._replace(options={}), fast):
                with start_servers(fault, mode, (FIRST,), (BACKUP,)) as servers:
                    run(fault, mode, servers, blocking=blocking, hedge=0.1)


@pytest.fixture(autouse=True)
def threads(imported, no_proxies):
    """
    Each call leaves no thread behind.
    """
    with no_thread_left():
        yield
