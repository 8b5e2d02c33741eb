"""Each cell of the fault matrix is run with real servers that misbehave, with both clients, plain and streamed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.faults.matrix.cells import BACKUP, FALLBACK, FIRST, RETRIES, Outcome, run, start_servers
from tests.faults.matrix.misbehaving_server import ANSWER, CONNECTIONS, SCRIPTS, STARTED
from tests.faults.matrix.table import FAULTS, TITLES, Fault

CELLS = [
    pytest.param(
        fault,
        mode,
        blocking,
        id=f"{fault.name}-{mode}-{'blocking' if blocking else 'async'}",
        marks=[pytest.mark.one_python] * bool(fault.options),  # these take time
    )
    for fault in FAULTS
    for mode in fault.modes
    for blocking in (True, False)
]


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


def stays(fault: Fault) -> bool:
    """Tell whether no other endpoint is asked."""
    return fault.several not in ("at once", "after retries")


def failures_before_leaving(fault: Fault, endpoint: str = FIRST):
    """Return the entries of the ledger for an endpoint after which another one is asked."""
    return failed(fault, endpoint, 1 + RETRIES if fault.several == "after retries" else 1)


def check(outcome: Outcome, fault: Fault, ledger) -> None:
    """Check the outcome of a call by the ledger that it must have."""
    assert outcome.ledger == ledger
    sent = [endpoint for endpoint, *_ in ledger]
    if fault.name in CONNECTIONS:
        sent = [endpoint for endpoint, _, error in ledger if error is None]
    arrived = {name: count for name, count in outcome.requests.items() if count}
    if {"attempt_timeout", "timeout"} & set(fault.options):  # the time may be over before a request is sent
        assert all(count <= sent.count(name) for name, count in arrived.items())
    else:
        assert arrived == {name: sent.count(name) for name in sent}
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
    delays = [attempt.delay for attempt in outcome.attempts if attempt.delay]
    assert delays == outcome.slept
    assert len(delays) == sum(before[0] == after[0] for before, after in pairwise(outcome.ledger))
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


@pytest.mark.parametrize("next_endpoint", [BACKUP, FALLBACK])
@pytest.mark.parametrize(("fault", "mode", "blocking"), CELLS)
def test_next_endpoint(fault, mode, blocking, next_endpoint):
    """
    A backup or a fallback answers at once, after the retries of the first endpoint, or never.
    """
    with start_servers(fault, mode, (FIRST,), (next_endpoint,)) as servers:
        outcome = run(fault, mode, servers, blocking=blocking)

    check(
        outcome,
        fault,
        ledger_of_one(fault) if stays(fault) else failures_before_leaving(fault) + answered(next_endpoint),
    )
    check_delays(outcome, fault)


@pytest.mark.parametrize(("fault", "mode", "blocking"), CELLS)
def test_all_endpoints_fail(fault, mode, blocking):
    """
    If all endpoints fail, the error is that of the first, and the ledger has the attempts of all.

    The last endpoint has its retries, since there is no other one.
    """
    with start_servers(fault, mode, (FIRST, BACKUP, FALLBACK), ()) as servers:
        outcome = run(fault, mode, servers, blocking=blocking)

    ledger = ledger_of_one(fault)
    if not stays(fault):
        before = [entry for name in (FIRST, BACKUP) for entry in failures_before_leaving(fault, name)]
        ledger = before + [(FALLBACK, *rest) for _, *rest in ledger]
    check(outcome, fault, ledger)


@pytest.mark.parametrize(
    ("fault", "mode", "blocking"),
    [cell for cell in CELLS if cell.values[0].several == "never" and cell.values[0].name != "hang until the deadline"],
)
def test_named_error(fault, mode, blocking):
    """
    An error whose class is named in `fallback_on` moves to the fallback at once.
    """
    with start_servers(fault, mode, (FIRST,), (FALLBACK,)) as servers:
        outcome = run(fault, mode, servers, blocking=blocking, fallback_on=[fault.error])

    check(outcome, fault, failed(fault, FIRST) + answered(FALLBACK))


@pytest.mark.parametrize("next_endpoint", [FIRST, BACKUP, FALLBACK])
@pytest.mark.parametrize(
    ("fault", "mode", "blocking"), [cell for cell in CELLS if cell.values[0].several == "interrupted"]
)
def test_restarted_stream(fault, mode, blocking, next_endpoint):
    """
    With `on_stream_failure="restart"`, the stream starts again after an event, at the next endpoint if there is one.
    """
    others = () if next_endpoint == FIRST else (next_endpoint,)
    with start_servers(fault, mode, (FIRST,), others, times=1) as servers:
        outcome = run(fault, mode, servers, blocking=blocking, on_stream_failure="restart")

    assert outcome.ledger == failed(fault, FIRST) + answered(next_endpoint)
    assert outcome.shown == f"{STARTED}|{ANSWER}"
    assert outcome.reply.text == ANSWER
    assert outcome.open == []


def test_each_fault_has_a_server_and_a_title():
    """
    The table, the servers and the titles in the documentation have the same faults.
    """
    names = {fault.name for fault in FAULTS}

    assert names == SCRIPTS.keys() | CONNECTIONS.keys() == TITLES.keys()
