"""Batches in several parts, and batches that are submitted again."""

from __future__ import annotations

import pytest

from budwood import BatchItemError, Client, InvalidRequestError, NotFoundError, ServerError
from budwood_testing import FakeClock
from tests.batch_server import BatchServer, expire, fail, succeed

MODEL = "openai/gpt-4.1-mini"


@pytest.fixture
def server(monkeypatch):
    """
    Return a vendor whose batches have one request each, and complete at the second poll.
    """
    monkeypatch.setattr("budwood_openai.OpenAI.batch_requests", 1)
    with BatchServer(states=("validating", "in_progress", "completed")) as running:
        yield running


@pytest.fixture
def client(server):
    """
    Return a client of the vendor, whose waits take no time.
    """
    clock = FakeClock(1_795_000_000.0)
    with Client(MODEL, api_key="sk-test", base_url=server.url, clock=clock, retries=0) as client:
        yield client


def texts(results):
    """
    Return the texts of replies, and the reasons of errors without a reply.
    """
    return [result.reason if isinstance(result, BatchItemError) else result.text for result in results]


def test_lost_part_does_not_hide_the_results_of_the_others(server, client):
    """
    The requests of a batch that the vendor does not have are failures in their places, which can be submitted again.
    """
    job = client.submit_batch(["one", "two", "three"])
    server.faults["/batches/batch_2"] = [404]

    first = job.result()
    counts = job.state.counts
    saved = client.job(job.to_json())
    again = texts(saved.result())
    saved.resubmit(["one", "two", "three"])

    assert texts(first) == again == ["ONE", "lost", "THREE"]
    assert first[1].retryable
    assert "does not have the batch" in str(first[1])
    assert (counts.succeeded, counts.failed) == (2, 1)
    assert "batch_2" in job.state.error
    assert texts(saved.result()) == ["ONE", "TWO", "THREE"]


def test_batch_of_which_the_vendor_has_nothing_is_not_found(server, client):
    """
    Such as with the key of another account: the job is as it was, and its results can still be read.
    """
    job = client.submit_batch(["one", "two"])
    batches = dict(server.batches)
    server.batches.clear()
    for ask in (job.poll, job.cancel, job.result):
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert "same account" in caught.value.hint

    server.batches.update(batches)

    assert texts(job.result()) == ["ONE", "TWO"]


def test_lost_part_does_not_prevent_cancelling_the_others(server, client):
    """
    All other parts are cancelled.
    """
    job = client.submit_batch(["one", "two", "three"])
    del server.batches["batch_2"]

    job.cancel()

    assert {batch["status"] for batch in server.batches.values()} == {"cancelling"}
    assert job.wait().is_ended


def test_failure_to_cancel_a_part_is_raised_after_the_others_are_cancelled(server, client):
    """
    The error of the one is raised at the end; cancelling can be repeated.
    """
    job = client.submit_batch(["one", "two", "three"])
    server.faults["/batches/batch_1/cancel"] = [500]

    with pytest.raises(ServerError):
        job.cancel()

    assert [batch["status"] for batch in server.batches.values()] == ["validating", "cancelling", "cancelling"]
    job.cancel()
    assert server.batches["batch_1"]["status"] == "cancelling"


def test_error_of_the_last_submission_replaces_that_of_an_earlier_one(server, client):
    """
    A request that expired and is then rejected has the reason of the vendor, and is no longer retryable.
    """
    server.handle = expire
    job = client.submit_batch(["one"])
    expired = job.result()
    server.handle = lambda line: fail(line, message="Blocked by policy.")
    job.resubmit()

    (result,) = job.result()

    assert texts(expired) == ["expired"]
    assert isinstance(result, InvalidRequestError)
    assert "Blocked by policy" in str(result)
    assert not result.retryable
    (saved,) = client.job(job.to_json()).result()
    assert str(saved) == str(result)


@pytest.mark.parametrize("is_saved", [False, True])
def test_request_without_a_line_in_the_last_submission_says_so(server, client, is_saved):
    """
    Its earlier error is out of date, also in another process.
    """
    server.handle = fail
    job = client.submit_batch(["one"])
    rejected = job.result()
    server.handle = lambda _line: None
    job.resubmit()

    results = (client.job(job.to_json()) if is_saved else job).result()

    assert isinstance(rejected[0], InvalidRequestError)
    assert texts(results) == ["missing"]


def test_failed_resubmission_has_its_own_error(server, client):
    """
    The error of the second submission is the result, and the next submission can succeed.
    """
    server.handle = expire
    job = client.submit_batch(["one"])
    job.result()
    server.faults["/files"] = [500]
    job.resubmit()
    failed = job.result()
    saved = client.job(job.to_json()).result()
    server.handle = succeed
    job.resubmit()

    assert isinstance(failed[0], ServerError)
    assert texts(saved) == ["unsent"]
    assert texts(job.result()) == ["ONE"]
