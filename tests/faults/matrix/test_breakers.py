"""Which faults of real servers open a circuit breaker, and how a call avoids the endpoint then."""

from __future__ import annotations

import pytest

from budwood.engine.endpoints.health import FAILURES_TO_OPEN, MAX_REST
from budwood_testing import FakeClock
from tests.faults.matrix.cells import BACKUP, FIRST, run, start_servers
from tests.faults.matrix.misbehaving_server import ANSWER
from tests.faults.matrix.table import FAULTS

CELLS = [
    pytest.param(fault, mode, blocking, id=f"{fault.name}-{mode}-{'blocking' if blocking else 'async'}")
    for fault in FAULTS
    if not fault.options  # faults that take time
    for mode in fault.modes
    for blocking in (True, False)
]


@pytest.mark.parametrize(("fault", "mode", "blocking"), CELLS)
def test_breaker_opens_after_failures(fault, mode, blocking):
    """
    An endpoint that fails several times in a row is not asked any more; one that rejects requests still is.
    """
    clock = FakeClock()
    with start_servers(fault, mode, (FIRST,), (BACKUP,)) as servers:
        for _ in range(FAILURES_TO_OPEN):
            run(fault, mode, servers, blocking=blocking, clock=clock)
        before = servers[FIRST].requests
        outcome = run(fault, mode, servers, blocking=blocking, clock=clock)

    is_answer = fault.name == "408" or fault.error == "RateLimitError"
    is_failure = fault.several in ("at once", "after retries", "interrupted") and not is_answer
    assert [attempt.endpoint for attempt in outcome.attempts if attempt.skipped] == [FIRST] * is_failure
    if is_failure:
        assert outcome.ledger[-1] == (BACKUP, 200, None)
        assert outcome.shown == ANSWER
        assert outcome.requests[FIRST] == before


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("mode", ["plain", "streamed"])
def test_endpoint_is_used_again_after_its_rest(mode, blocking):
    """
    After its rest, a call probes the endpoint: if it fails, it rests longer; if it answers, it is used again.
    """
    fault, clock = FAULTS[0], FakeClock()
    with start_servers(fault, mode, (FIRST,), (BACKUP,), times=FAILURES_TO_OPEN + 1) as servers:
        outcomes = []
        for _ in range(FAILURES_TO_OPEN):
            run(fault, mode, servers, blocking=blocking, clock=clock)
        for _ in range(2):
            clock.sleep(MAX_REST)
            outcomes.append(run(fault, mode, servers, blocking=blocking, clock=clock).ledger)
        outcomes.append(run(fault, mode, servers, blocking=blocking, clock=clock).ledger)

    failed_probe, good_probe, later = outcomes
    assert failed_probe == [(FIRST, fault.status, fault.error), (BACKUP, 200, None)]
    assert good_probe == later == [(FIRST, 200, None)]


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("mode", ["plain", "streamed"])
def test_open_breakers_are_ignored_if_no_endpoint_is_left(mode, blocking):
    """
    If the breakers of all endpoints are open, the first one is asked nevertheless.
    """
    fault, clock = FAULTS[0], FakeClock()
    with start_servers(fault, mode, (FIRST, BACKUP), (), times=2 * FAILURES_TO_OPEN) as servers:
        for _ in range(FAILURES_TO_OPEN):
            run(fault, mode, servers, blocking=blocking, clock=clock)
        for server in servers.values():
            server.server.clear_replies()
        outcome = run(fault, mode, servers, blocking=blocking, clock=clock)

    assert [(attempt.endpoint, attempt.skipped is None) for attempt in outcome.attempts] == [
        (FIRST, False),
        (BACKUP, False),
        (FIRST, True),
    ]
    assert outcome.shown == ANSWER
