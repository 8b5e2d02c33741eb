"""Each cell of the fault matrix is run with real servers that misbehave, with both clients, plain and streamed."""

from __future__ import annotations

import pytest

from tests.faults.matrix.cells import FIRST, RETRIES, Outcome, no_thread_left, run, start_servers
from tests.faults.matrix.misbehaving_server import ANSWER, CONNECTIONS, SCRIPTS, STARTED
from tests.faults.matrix.table import FAULTS, TITLES, Fault

CELLS = [
    pytest.param(fault, mode, blocking, id=f"{fault.name}-{mode}-{'blocking' if blocking else 'async'}")
    for fault in FAULTS
    for mode in fault.modes
    for blocking in (True, False)
]


def select(*outcomes):
    """Return the cells of the faults with these outcomes for several endpoints."""
    return [cell for cell in CELLS if cell.values[0].several in outcomes]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """
    Reach loopback servers without the proxies of the environment.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def threads():
    """
    Each call leaves no thread behind.
    """
    with no_thread_left():
        yield


def failed(fault: Fault, endpoint: str, times: int = 1):
    """Return the entries of the ledger for failed attempts."""
    return [(endpoint, fault.status, fault.error)] * times


def answered(endpoint: str):
    """Return the entry of the ledger for an attempt that was answered."""
    return [(endpoint, 200, None)]


def ledger_of_one(fault: Fault):
    """Return the ledger of a call that only the first endpoint serves."""
    if fault.error is None:
        return answered(FIRST)
    return failed(fault, FIRST, 1 + RETRIES if fault.single == "retried" else 1)


def check(outcome: Outcome, fault: Fault, ledger) -> None:
    """Check the outcome of a call by the ledger that it must have."""
    assert outcome.ledger == ledger
    sent = [endpoint for endpoint, *_ in ledger]
    if fault.name in CONNECTIONS:
        sent = [endpoint for endpoint, _, error in ledger if error is None]
    assert {name: count for name, count in outcome.requests.items() if count} == {
        name: sent.count(name) for name in sent
    }
    assert outcome.open == []
    if ledger[-1][2] is None:
        assert outcome.error is None
        assert outcome.reply.text == outcome.shown == ANSWER
        return
    assert type(outcome.error).__name__ == fault.error
    assert outcome.error.provider == FIRST
    assert outcome.error.model == "tiny"
    if fault.single == "interrupted":
        assert outcome.shown == outcome.error.response.text == STARTED
        assert outcome.error.response.usage.output_tokens == 1
        assert not outcome.error.retryable
    else:
        assert outcome.shown == ""


def check_delays(outcome: Outcome, fault: Fault) -> None:
    """Check the delays before retries: as long as the server asks for, else a random time."""
    delays = [attempt.delay for attempt in outcome.attempts[1:]]
    assert delays == outcome.slept
    assert all(delay == fault.delay if fault.delay is not None else 0 <= delay <= 0.5 for delay in delays)


@pytest.mark.parametrize(("fault", "mode", "blocking"), CELLS)
def test_one_endpoint(fault, mode, blocking):
    """
    With one endpoint, the fault is retried or raised at once, and the ledger has all attempts.
    """
    with start_servers(fault, mode, (FIRST,), ()) as servers:
        outcome = run(fault, mode, servers, blocking=blocking)

    check(outcome, fault, ledger_of_one(fault))
    check_delays(outcome, fault)


@pytest.mark.parametrize(
    ("fault", "mode", "blocking"),
    [cell for cell in CELLS if cell.values[0].single == "retried" and cell.values[0].name not in CONNECTIONS],
)
def test_transient_fault(fault, mode, blocking):
    """
    A fault that is retried, and does not come again, is not seen by the caller.
    """
    with start_servers(fault, mode, (FIRST,), (), times=1) as servers:
        outcome = run(fault, mode, servers, blocking=blocking)

    check(outcome, fault, failed(fault, FIRST) + answered(FIRST))
    check_delays(outcome, fault)


def test_each_fault_has_a_server_and_a_title():
    """
    The table, the servers and the titles in the documentation have the same faults.
    """
    names = {fault.name for fault in FAULTS}

    assert names == SCRIPTS.keys() | CONNECTIONS.keys() == TITLES.keys()
