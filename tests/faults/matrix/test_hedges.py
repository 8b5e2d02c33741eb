"""Hedged calls to real servers that misbehave: the loser is cancelled, and its connection closed."""

from __future__ import annotations

import pytest

from tests.faults.matrix.cells import BACKUP, FIRST, run, start_servers
from tests.faults.matrix.misbehaving_server import ANSWER
from tests.faults.matrix.table import FAULTS

HEDGE = 0.5
"""Seconds: long enough for the first request to be sent on a busy machine."""

BY_NAME = {fault.name: fault for fault in FAULTS}
HANGS = [BY_NAME[name] for name in ("hang before the head", "hang in the head", "hang in the body")]

pytestmark = [
    pytest.mark.parametrize("mode", ["plain", "streamed"]),
    pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "async"]),
]


@pytest.mark.parametrize("fault", HANGS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("winner", [FIRST, BACKUP])
def test_second_request_wins(fault, mode, blocking, winner):
    """
    If the first request has no answer, the next endpoint, or the same one, answers the second.
    """
    with start_servers(fault, mode, (FIRST,), (BACKUP,) if winner == BACKUP else (), times=1) as servers:
        outcome = run(fault._replace(options={}), mode, servers, blocking=blocking, hedge=HEDGE)

    attempts = sorted((attempt.hedge, attempt.endpoint, attempt.error) for attempt in outcome.attempts)
    assert attempts == [(False, winner, None), (True, FIRST, None)]
    assert outcome.shown == ANSWER
    assert sum(outcome.requests.values()) == 2
    assert outcome.open == []


@pytest.mark.parametrize("fault", HANGS, ids=lambda fault: fault.name)
def test_both_requests_fail(fault, mode, blocking):
    """
    If both endpoints fail, the error of the first is raised, and the ledger has the attempts of both.

    The first one fails long after the second request is due.
    """
    patience = dict.fromkeys(fault.options, 4 * HEDGE)
    with start_servers(fault, mode, (FIRST, BACKUP), ()) as servers:
        outcome = run(fault, mode, servers, blocking=blocking, hedge=HEDGE, retries=0, **patience)

    assert len(outcome.ledger) == 2
    assert set(outcome.ledger) == {(name, fault.status, fault.error) for name in (FIRST, BACKUP)}
    assert type(outcome.error).__name__ == fault.error
    assert outcome.requests == {FIRST: 1, BACKUP: 1}
    assert outcome.open == []


@pytest.mark.parametrize("fault", [BY_NAME["503"], BY_NAME["500"]], ids=lambda fault: fault.name)
def test_fast_failure_is_not_hedged(fault, mode, blocking):
    """
    A failure before the time of the second request is retried or moves on, as without hedging.
    """
    with start_servers(fault, mode, (FIRST,), (BACKUP,)) as servers:
        outcome = run(fault, mode, servers, blocking=blocking, hedge=60.0)

    failures = 1 if fault.several == "at once" else 2
    assert outcome.ledger == [(FIRST, fault.status, fault.error)] * failures + [(BACKUP, 200, None)]
    assert not any(attempt.hedge for attempt in outcome.attempts)
    assert outcome.shown == ANSWER


def test_no_answer_before_the_deadline(mode, blocking):
    """
    At the deadline of the call, both requests end.
    """
    with start_servers(HANGS[0], mode, (FIRST,), ()) as servers:
        outcome = run(HANGS[0]._replace(options={}), mode, servers, blocking=blocking, hedge=HEDGE, timeout=4 * HEDGE)

    assert outcome.error.phase == "deadline"
    assert outcome.requests == {FIRST: 2}
    assert outcome.open == []
