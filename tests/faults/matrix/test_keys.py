"""Faults of one key of several, with real servers: the call moves to the next key, and later calls begin there."""

from __future__ import annotations

import pytest

from tests.faults.matrix.cells import BACKUP, FIRST, RealClock, run, start_servers
from tests.faults.matrix.misbehaving_server import ANSWER, fail_once
from tests.faults.matrix.table import FAULTS

KEYS = ("sk-one", "sk-two")
CELLS = [
    pytest.param(fault, mode, blocking, id=f"{fault.name}-{mode}-{'blocking' if blocking else 'async'}")
    for fault in FAULTS
    if fault.next_key
    for mode in fault.modes
    for blocking in (True, False)
]


def attempts(outcome) -> list[tuple[object, ...]]:
    """Return endpoint, key, status and error of each attempt."""
    return [(attempt.endpoint, attempt.key, attempt.status, attempt.error) for attempt in outcome.attempts]


def sent_keys(servers) -> list[str]:
    """Return the keys of the requests that the first server received."""
    return [request.headers["authorization"].removeprefix("Bearer ") for request in servers[FIRST].server.requests]


@pytest.mark.parametrize(("fault", "mode", "blocking"), CELLS)
def test_next_key(fault, mode, blocking):
    """
    The next key is used without a delay.
    """
    with start_servers(fault, mode, (FIRST,), (), times=1) as servers:
        outcome = run(fault, mode, servers, blocking=blocking, keys=KEYS)

    assert attempts(outcome) == [(FIRST, "key-1", fault.status, fault.error), (FIRST, "key-2", 200, None)]
    assert sent_keys(servers) == list(KEYS)
    assert outcome.slept == []
    assert outcome.shown == ANSWER
    assert outcome.open == []


@pytest.mark.parametrize(("fault", "mode", "blocking"), CELLS)
def test_key_that_fails_between_two_calls(fault, mode, blocking):
    """
    A key that is revoked or limited after some calls is left for the next one, which later calls use first.
    """
    clock = RealClock()
    with start_servers(fault, mode, (), (FIRST,)) as servers:
        run(fault, mode, servers, blocking=blocking, keys=KEYS, clock=clock)
        fail_once(servers[FIRST], fault.name, streamed=mode == "streamed")
        outcomes = [run(fault, mode, servers, blocking=blocking, keys=KEYS, clock=clock) for _ in range(3)]

    failed, *later = outcomes
    assert attempts(failed) == [(FIRST, "key-2", fault.status, fault.error), (FIRST, "key-1", 200, None)]
    assert [attempts(outcome) for outcome in later] == [[(FIRST, "key-1", 200, None)]] * 2


@pytest.mark.parametrize(("fault", "mode", "blocking"), [cell for cell in CELLS if cell.values[0].delay])
def test_all_keys_are_limited(fault, mode, blocking):
    """
    If all keys are limited, a call waits until the first is ready, or uses a backup at once.
    """
    first_attempts = [(FIRST, key, fault.status, fault.error) for key in ("key-1", "key-2")]
    with start_servers(fault, mode, (FIRST,), (), times=2) as servers:
        alone = run(fault, mode, servers, blocking=blocking, keys=KEYS)
    with start_servers(fault, mode, (FIRST,), (BACKUP,), times=2) as servers:
        moved = run(fault, mode, servers, blocking=blocking, keys=KEYS)

    *before, last = attempts(alone)
    assert before == first_attempts
    assert (last[0], last[3]) == (FIRST, None)
    assert sum(alone.slept) == pytest.approx(fault.delay, abs=0.5)
    sent = [attempt for attempt in moved.attempts if attempt.skipped is None]
    assert [(attempt.endpoint, attempt.error) for attempt in sent] == [*[(FIRST, fault.error)] * 2, (BACKUP, None)]
    assert "rate limited" in moved.attempts[2].skipped
    assert moved.slept == []
