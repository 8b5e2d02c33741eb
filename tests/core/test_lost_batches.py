"""Batches whose creation has no reply: they are found at the vendor, or the error says where to look for them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from budwood import Client, ConnectionFailedError, ProviderError, RequestTimeoutError, ServerError
from budwood_testing import FakeClock, ScriptedTransport
from budwood_testing.scripted import ScriptedReply
from tests.batch_server import BatchServer

FILE = {"id": "file-7", "object": "file", "filename": "batch.jsonl", "bytes": 9, "created_at": 1, "status": "processed"}


class Vendor(NamedTuple):
    """
    A vendor whose list tells which batch is ours.

    Attributes:
        model: A model.
        uploads: The replies before the creation.
        list_path: The end of the address of the list.
        next_query: What the address of the second page contains; None for a list of one page.
    """

    model: str
    uploads: tuple[dict[str, Any], ...]
    list_path: str
    next_query: str | None

    def row(self, number, body):
        """
        Return a batch in the list: ours, if the body is that of its creation.
        """
        match self.model.partition("/")[0]:
            case "gemini":
                name = body["batch"]["displayName"] if body else "budwood-other"
                return {"name": f"batches/{number}", "metadata": {"state": "BATCH_STATE_PENDING", "displayName": name}}
            case "mistral":
                metadata = body["metadata"] if body else {"budwood": "other"}
                return {"id": f"{number}", "status": "QUEUED", "metadata": metadata, "total_requests": 1}
            case _:
                file = body["input_file_id"] if body else "file-1"
                return {"id": f"{number}", "object": "batch", "status": "validating", "input_file_id": file}

    def page(self, rows, *, has_more=False):
        """
        Return a page of the list.
        """
        if self.model.startswith("gemini"):
            return {"operations": rows, **({"nextPageToken": "page 2"} if has_more else {})}
        return {"object": "list", "data": rows, "has_more": has_more}


VENDORS = {
    "openai": Vendor("openai/gpt-4.1-mini", (FILE,), "/v1/batches?limit=100", "limit=100&after=8"),
    "azure": Vendor("azure/chat", (FILE,), "/openai/v1/batches?limit=100", "limit=100&after=8"),
    "groq": Vendor("groq/openai/gpt-oss-20b", (FILE,), "/openai/v1/batches", None),
    "mistral": Vendor("mistral/mistral-small-latest", (), "/v1/batch/jobs?page_size=100&order_by=-created", None),
    "gemini": Vendor("gemini/gemini-2.5-flash", (), "/v1beta/batches?pageSize=100", "pageToken=page%202"),
}
LOST = {
    "timeout": lambda: RequestTimeoutError("No reply in time.", phase="read"),
    "connection": lambda: ConnectionFailedError("The connection broke."),
    "500": lambda: 500,
    "504": lambda: 504,
    "unreadable": lambda: 200,
}
"""What comes in place of the reply to the creation: an error of the transport, or a status without a batch."""


@pytest.fixture
def transport():
    """
    Return the transport of the client.
    """
    return ScriptedTransport()


@pytest.fixture
def clock():
    """
    Return the clock of the client.
    """
    return FakeClock(1_795_000_000.0)


@pytest.fixture
def make_client(transport, clock):
    """
    Return a function that makes a client of a model.
    """

    def make(model, **options):
        settings = {"base_url": "https://a.openai.azure.com/openai/v1/"} if model.startswith("azure") else {}
        return Client(model, api_key="sk-test-secret", transport=transport, clock=clock, **settings, **options)

    return make


def lose(transport, vendor, lost="connection"):
    """
    Script a creation without a reply; return its place among the requests.
    """
    for reply in vendor.uploads:
        transport.reply(200, reply)
    fault = LOST[lost]()
    if isinstance(fault, int):
        transport.reply(fault, b"?")
    else:
        transport.fail(fault)
    return len(vendor.uploads)


def list_later(transport, vendor, place):
    """
    Script a list of batches that has ours.
    """

    def answer(_call):
        rows = [vendor.row(9, None), vendor.row(7, json.loads(transport.bodies[place]))]
        return ScriptedReply(200, {}, (json.dumps(vendor.page(rows)).encode(),))

    transport.answer(answer)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_batch_without_a_reply_is_found_in_the_list(make_client, transport, clock, vendor, lost):
    """
    It is created once, looked for after a few seconds, and the job is that of the batch that was found.
    """
    place = lose(transport, vendor, lost)
    list_later(transport, vendor, place)

    with make_client(vendor.model, retries=2) as client:
        job = client.submit_batch(["one"])

    assert job.id.removeprefix("batches/") == "7"
    assert len(transport.calls) == place + 2
    assert transport.calls[-1].method == "GET"
    assert transport.calls[-1].url.endswith(vendor.list_path)
    assert clock.slept[-1] == 5.0


@pytest.mark.parametrize("vendor", [VENDORS["openai"], VENDORS["azure"], VENDORS["gemini"]], ids=lambda one: one.model)
def test_batch_on_a_later_page_is_found(make_client, transport, vendor):
    """
    The list is read page by page.
    """
    place = lose(transport, vendor)
    transport.reply(200, vendor.page([vendor.row(9, None), vendor.row(8, None)], has_more=True))
    list_later(transport, vendor, place)

    with make_client(vendor.model) as client:
        job = client.submit_batch(["one"])

    assert job.id.removeprefix("batches/") == "7"
    assert vendor.next_query in transport.calls[-1].url


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_batch_that_is_not_in_the_list_is_described(make_client, transport, vendor):
    """
    Nothing is submitted again; the error says that the batch may exist, and by what it can be recognized.
    """
    place = lose(transport, vendor)
    transport.reply(200, vendor.page([vendor.row(9, None)]))

    with make_client(vendor.model, retries=2) as client, pytest.raises(ProviderError) as caught:
        client.submit_batch(["one"])

    assert (caught.value.may_be_accepted, caught.value.retryable) == (True, False)
    assert "does not contain it yet" in caught.value.hint
    ours = vendor.row(7, json.loads(transport.bodies[place]))
    mark = ours.get("input_file_id") or ours["metadata"].get("budwood") or ours["metadata"]["displayName"]
    assert mark in caught.value.hint
    assert [call.method for call in transport.calls[place:]] == ["POST", "GET"]


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_list_that_fails_leaves_the_error_of_the_creation(make_client, transport, vendor):
    """
    The error is that of the creation, with the reason why the batch was not looked for.
    """
    lose(transport, vendor, "504")
    transport.reply(403, {"error": {"message": "Lists are not for you.", "code": 403, "status": "PERMISSION_DENIED"}})

    with make_client(vendor.model) as client, pytest.raises(ServerError) as caught:
        client.submit_batch(["one"])

    assert caught.value.status == 504
    assert "The list of batches cannot be read" in caught.value.hint
    assert caught.value.may_be_accepted


def test_batch_is_found_after_the_timeout_of_the_call(make_client, transport, clock):
    """
    The search has time of its own.
    """
    vendor = VENDORS["mistral"]

    def time_out(_call):
        clock.advance(10)
        return ScriptedReply(0, {}, (), RequestTimeoutError("No reply in time.", phase="deadline"))

    transport.answer(time_out)
    list_later(transport, vendor, 0)

    with make_client(vendor.model, timeout=10) as client:
        job = client.submit_batch(["one"])

    assert job.id == "7"
    assert transport.timings[-1].deadline > clock.monotonic()


@pytest.mark.parametrize("found", [True, False])
def test_vendor_that_stores_no_mark_is_asked_for_running_batches(make_client, transport, found):
    """
    Anthropic's batches have neither names nor metadata: one that may be ours is named in the error, and not taken.
    """
    transport.fail()
    counts = {"processing": 1 if found else 3, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    other = {"id": "msgbatch_8", "processing_status": "ended", "request_counts": {**counts, "processing": 0}}
    row = {"id": "msgbatch_9", "processing_status": "in_progress", "request_counts": counts}
    transport.reply(200, {"data": [row, other], "has_more": True, "last_id": "msgbatch_8"})

    with make_client("anthropic/claude-haiku-4-5") as client, pytest.raises(ProviderError) as caught:
        client.submit_batch(["one"])

    assert caught.value.may_be_accepted
    assert ("msgbatch_9" in caught.value.hint) is found
    assert "msgbatch_8" not in caught.value.hint
    assert "a batch with request count 1" in caught.value.hint
    assert [call.method for call in transport.calls] == ["POST", "GET"]


@pytest.mark.parametrize("status", [400, 429, 503])
def test_rejected_creation_is_not_looked_for(make_client, transport, status):
    """
    The vendor says that there is no batch.
    """
    transport.reply(status, {"message": "No."})

    with make_client("mistral/mistral-small-latest", retries=0) as client, pytest.raises(ProviderError) as caught:
        client.submit_batch(["one"])

    assert not caught.value.may_be_accepted
    assert len(transport.calls) == 1


def test_batch_that_was_found_has_its_results(clock):
    """
    A vendor on loopback closes the connection after it has created the batch.
    """
    with BatchServer() as server:
        server.hook = lambda line, *, is_done: is_done and line == "POST /batches"
        options = {"api_key": "sk-test", "base_url": server.url, "clock": clock}
        with Client("openai/gpt-4.1-mini", **options) as client:
            results = client.batch(["one", "two"])

    assert [result.text for result in results] == ["ONE", "TWO"]
    assert server.count("POST /batches") == len(server.batches) == 1
    assert server.count("GET /batches") == 1
