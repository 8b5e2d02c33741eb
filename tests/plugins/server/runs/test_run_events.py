"""The events that tell that runs have ended."""

from __future__ import annotations

import pytest

from budwood_server.api_models.runs import RunProgress
from budwood_server.database import DatabaseError
from budwood_server.events import runs as run_events
from budwood_server.runs.claims import MAX_CLAIMS, ClaimLostError, Claims, release_claims
from tests.plugins.server.events.written import read_written
from tests.plugins.server.runs.running import RunGateway, conversation


@pytest.fixture
def gateway(tmp_path, database_url):
    """
    A gateway with runs.
    """
    with RunGateway(tmp_path, database_url) as gateway:
        yield gateway


def read(gateway):
    """
    Return the events of runs that were written.
    """
    return gateway.run(read_written(gateway.worker.database, "run.finished"))


def test_the_end_of_a_run_is_told_with_its_figures(gateway):
    """
    Its owner, its counts, its cost and its duration, and nothing of its rows.
    """
    run = gateway.submit(conversation(3), name="grafting")
    assert read(gateway) == []

    gateway.execute()

    [event] = read(gateway)
    done = gateway.find(run)
    assert (event.subject, event.owner, event.data["owner"]) == (run["id"], "team-red", "team-red")
    assert (event.data["name"], event.data["state"], event.data["error"]) == ("grafting", "complete", None)
    for name in ("rows", "rows_done", "rows_failed", "calls", "input_tokens", "output_tokens", "cost"):
        assert event.data[name] == done["progress"][name]
    assert (event.data["rows_done"], event.data["calls"]) == (3, 3)
    assert event.data["seconds"] > 0
    assert event.texts is None


def test_a_run_that_is_cancelled_while_it_waits_never_started(gateway):
    """
    It ends at once, and once more after it was resumed.
    """
    run = gateway.submit(conversation(1))
    assert gateway.request("POST", f"/{run['id']}/cancel")[0] == 200
    assert [(each.data["state"], each.data["seconds"]) for each in read(gateway)] == [("cancelled", None)]

    assert gateway.request("POST", f"/{run['id']}/resume")[0] == 200
    assert len(read(gateway)) == 1
    gateway.execute()
    assert [each.data["state"] for each in read(gateway)] == ["cancelled", "complete"]


def test_the_end_is_told_also_if_the_worker_died(gateway):
    """
    By the worker that finds the run: one that had been cancelled, and one whose workers died too often.
    """
    database = gateway.worker.database
    cancelled, failed = (gateway.submit(conversation(1)) for _ in range(2))
    assert gateway.run(Claims(database, "first", 3600).claim()).id == cancelled["id"]
    assert gateway.request("POST", f"/{cancelled['id']}/cancel")[0] == 200
    for number in range(MAX_CLAIMS):
        assert gateway.run(Claims(database, f"worker-{number}", 3600).claim()).id == failed["id"]
        gateway.run(release_claims(database, f"worker-{number}"))
    gateway.run(release_claims(database, "first"))
    assert read(gateway) == []

    for _ in range(2):
        assert gateway.run(Claims(database, "last", 3600).claim()) is None

    ends = {each.subject: (each.data["state"], each.data["error"]) for each in read(gateway)}
    assert ends == {cancelled["id"]: ("cancelled", None), failed["id"]: ("failed", "worker_died")}


def test_only_the_worker_with_the_claim_tells_the_end(gateway):
    """
    One that has lost it changes nothing.
    """
    database = gateway.worker.database
    gateway.submit(conversation(1))
    first = Claims(database, "first", 3600)
    lost = gateway.run(first.claim())
    gateway.run(release_claims(database, "first"))
    second = Claims(database, "second", 3600)
    held = gateway.run(second.claim())

    with pytest.raises(ClaimLostError):
        gateway.run(first.finish(lost, "failed"))
    assert read(gateway) == []
    progress = RunProgress(rows=4, rows_done=3, rows_failed=1, cost="0.0125")
    gateway.run(second.finish(held, "incomplete", progress=progress))
    [event] = read(gateway)
    assert {name: event.data[name] for name in ("state", "rows", "rows_done", "rows_failed", "cost")} == {
        "state": "incomplete",
        "rows": 4,
        "rows_done": 3,
        "rows_failed": 1,
        "cost": "0.0125",
    }


def test_a_run_does_not_end_without_its_event(gateway, monkeypatch):
    """
    Both are one transaction: if the event cannot be written, the run is still under way.
    """

    async def fail(*_):
        raise DatabaseError("full")

    run = gateway.submit(conversation(1))
    claims = Claims(gateway.worker.database, "a", 3600)
    claimed = gateway.run(claims.claim())
    with monkeypatch.context() as patched:
        patched.setattr(run_events, "record_events", fail)
        with pytest.raises(DatabaseError):
            gateway.run(claims.finish(claimed, "complete"))

    assert gateway.find(run)["state"] == "running"
    gateway.run(claims.finish(claimed, "complete"))
    assert len(read(gateway)) == 1
