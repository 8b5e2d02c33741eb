"""Faults in any order at three real endpoints: the ledger is that of a model of retries and failover."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.matrix.cells import BACKUP, FALLBACK, FIRST, RETRIES, run, start_servers
from tests.faults.matrix.misbehaving_server import ANSWER, CONNECTIONS, SCRIPTS, STARTED
from tests.faults.matrix.table import FAULTS, Fault

ENDPOINTS = (FIRST, BACKUP, FALLBACK)
FAST = [
    fault
    for fault in FAULTS
    if not fault.options and fault.name not in CONNECTIONS and fault.plugin == "openai-compatible"
]


def faults(mode: str) -> st.SearchStrategy[list[list[Fault]]]:
    """Draw what each endpoint sends before it answers."""
    one = st.sampled_from([fault for fault in FAST if mode in fault.modes])
    return st.tuples(*[st.lists(one, max_size=3) for _ in ENDPOINTS])


def predict(scripts: list[list[Fault]]) -> tuple[list[tuple[str, int | None, str | None]], Fault | None]:
    """Return the ledger of a call, and the fault whose error it raises; None if it is answered."""
    ledger, first_fault = [], None
    for endpoint, script in zip(ENDPOINTS, scripts, strict=True):
        sent = iter(script)
        for failures in range(1, 2 + RETRIES):
            fault = next(sent, None)
            if fault is None or fault.error is None:
                return [*ledger, (endpoint, 200, None)], None
            ledger.append((endpoint, fault.status, fault.error))
            if fault.single == "interrupted":
                return ledger, fault
            leaves = fault.several == "at once" and endpoint != ENDPOINTS[-1]
            if fault.single != "retried" or leaves or failures > RETRIES:
                break
        if endpoint == FIRST and fault.several == "never":
            return ledger, fault
        first_fault = first_fault or fault
    return ledger, first_fault


@settings(max_examples=150)
@given(st.data(), st.sampled_from(["plain", "streamed"]), st.booleans())
def test_any_order_of_faults(data, mode, blocking):
    """
    Whatever the endpoints send, the call does what the table says for each fault.
    """
    scripts = data.draw(faults(mode))
    ledger, raised = predict(scripts)
    with start_servers(FAST[0], mode, (), ENDPOINTS) as servers:
        for name, script in zip(ENDPOINTS, scripts, strict=True):
            for fault in script:
                servers[name].server.play(*SCRIPTS[fault.name](mode == "streamed"))
        outcome = run(FAST[0], mode, servers, blocking=blocking)

    assert outcome.ledger == ledger
    assert outcome.requests == {name: [entry[0] for entry in ledger].count(name) for name in ENDPOINTS}
    assert outcome.open == []
    if raised is None:
        assert outcome.shown == outcome.reply.text == ANSWER
    else:
        assert type(outcome.error).__name__ == raised.error
        assert outcome.shown == (STARTED if raised.single == "interrupted" else "")
