"""Batches whose lines are in a file that the vendor stores."""

from __future__ import annotations

import asyncio
import json

import pytest

from budwood import AsyncClient, BudgetExceededError, Client, ConfigurationError, UnsupportedError
from tests.batch_server import BatchServer
from tests.core.test_batches import MODEL, make_client

LINES = b"".join(
    json.dumps(
        {
            "custom_id": f"mine-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": f"Question {number}?"}]},
        }
    ).encode()
    + b"\n"
    for number in range(3)
)


@pytest.fixture
def server():
    """
    Return a vendor whose batches complete at the third poll.
    """
    with BatchServer() as running:
        yield running


def test_file_becomes_a_batch_whose_record_is_that_of_the_vendor(server):
    """
    The lines are those of the program, and the vendor's record has the ids of the files with the results.
    """
    with make_client(server) as client:
        info = client.files.upload(LINES, purpose="batch", name="lines.jsonl", media_type="application/jsonl")
        job = client.submit_batch_file(info.id, model=MODEL, fields={"metadata": {"run": "1"}})
        assert job.state.raw["input_file_id"] == info.id
        state = job.wait()
        content = client.files.content(state.raw["output_file_id"])

    assert [json.loads(line)["custom_id"] for line in content.splitlines()] == ["mine-0", "mine-1", "mine-2"]
    assert state.status == "succeeded"


def test_batch_is_found_again_by_its_id(server):
    """
    Another process polls the batch by the vendor's id, and gets the vendor's record, too.
    """

    async def run():
        async with make_client(server, AsyncClient) as client:
            info = await client.files.upload(LINES, purpose="batch", name="lines.jsonl")
            job = await client.submit_batch_file(info.id, model=MODEL)
            return job, await client.job(job.id, kind="batch", model=MODEL).poll()

    job, state = asyncio.run(run())

    assert state.raw["id"] == job.id


def test_exhausted_budget_creates_no_batch(server):
    """
    With nothing left of a budget, nothing is sent.
    """
    with make_client(server, budgets={"small": {"dollars": 0.000005, "per": "client"}}) as client:
        client.batch(["one"])
        count = server.count("POST /batches")
        with pytest.raises(BudgetExceededError):
            client.submit_batch_file("file-1")

    assert server.count("POST /batches") == count


def test_vendor_without_such_batches(server):
    """
    A vendor whose batches have another form refuses before anything is sent, and so does an empty id.
    """
    other = Client("anthropic/claude-haiku-4-5", api_key="sk-test", base_url=server.url)
    with other, pytest.raises(UnsupportedError, match="stored files"):
        other.submit_batch_file("file-1")
    with make_client(server) as client, pytest.raises(ConfigurationError):
        client.submit_batch_file(" ")
