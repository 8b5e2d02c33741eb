"""Batches, from the client to a vendor on loopback and back."""

from __future__ import annotations

import asyncio
import json
import random
import re
from decimal import Decimal
from importlib.metadata import entry_points

import pytest
from pydantic import BaseModel

from budwood import (
    AsyncClient,
    BatchItemError,
    BatchJob,
    BatchRequest,
    BudgetExceededError,
    Client,
    ConfigurationError,
    InvalidRequestError,
    PromptError,
    RequestTimeoutError,
    ServerError,
    StructuredOutputError,
    UnsupportedError,
)
from budwood.types import Capability
from budwood_testing import FakeClock
from tests.batch_server import BatchServer, answer, expire, fail, succeed

MODEL = "openai/gpt-4.1-mini"
KEY = "sk-test-secret-of-the-batch"
NOW = 1_795_000_000.0
"""November 2026: the catalog has prices of batches since October."""


def make_client(server, kind=Client, **options):
    """
    Return a client of the vendor, whose waits take no time.
    """
    options = {"api_key": KEY, "base_url": server.url, "clock": FakeClock(NOW), "retries": 0} | options
    return kind(MODEL, **options)


@pytest.fixture
def server():
    """
    Return a vendor whose batches complete at the third poll.
    """
    with BatchServer() as running:
        yield running


def texts(results):
    """
    Return the texts of replies, and the classes of errors.
    """
    return [result.text if not isinstance(result, Exception) else type(result) for result in results]


def test_replies_are_in_the_order_of_the_requests(server):
    """
    A batch is one upload and one creation; its lines come back in any order, and each reply finds its request.
    """
    server.arrange = lambda rows: rows[::-1]

    with make_client(server) as client:
        results = client.batch(["one", "two", "three"], max_tokens=7)

    assert texts(results) == ["ONE", "TWO", "THREE"]
    assert server.count("POST /files") == server.count("POST /batches") == 1
    line = server.lines()[1]
    assert line["custom_id"].startswith("1-")
    assert line | {"custom_id": ""} == {
        "custom_id": "",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-4.1-mini",
            "messages": [{"role": "user", "content": "two"}],
            "max_tokens": 7,
        },
    }


def test_each_reply_is_one_request_with_its_batch_and_the_lower_price(server):
    """
    Observers see a request for each reply; its attempt names the batch, and costs what the tier for batches costs.
    """
    events = []

    class Recorder:
        def observe(self, event):
            events.append(event)

    with make_client(server, observers=[Recorder()]) as client:
        batch, live = client.batch(["one"], label="work", tags={"user": "ada"})[0], client.ask("one")

    assert batch.cost == live.cost / 2 == Decimal("0.000006")
    assert [attempt.batch for attempt in batch.attempts] == ["batch_1"]
    finished = [event for event in events if type(event).__name__ == "RequestFinished" and event.service == "chat"]
    assert [event.label for event in finished] == ["work", None]
    assert [event.tags for event in finished] == [{"user": "ada"}, {}]
    assert finished[0].response == batch
    assert batch.request_id == f"req-{server.lines()[0]['custom_id']}"


def test_failures_are_in_their_places_and_can_be_submitted_again(server):
    """
    Rejected, expired and lost requests have typed errors; the second submission sends only these.
    """
    outcomes = {"1": fail, "2": expire, "3": lambda _line: None}
    server.handle = lambda line: outcomes.get(line["body"]["messages"][0]["content"], succeed)(line)

    with make_client(server) as client:
        job = client.submit_batch(["0", "1", "2", "3", "a"])
        first = job.result()
        failed = job.failed
        outcomes.clear()
        job.resubmit()
        second = job.result()

    assert texts(first) == ["0", InvalidRequestError, BatchItemError, BatchItemError, "A"]
    assert [error.reason for error in first[2:4]] == ["expired", "missing"]
    assert failed == [1, 2, 3]
    assert [line["body"]["messages"][0]["content"] for line in server.lines(1)] == ["1", "2", "3"]
    assert texts(second) == ["0", "1", "2", "3", "A"]


def test_batch_with_errors_alone_has_no_output_file(server):
    """
    A batch whose requests all failed is completed; the errors are those of the vendor.
    """
    server.handle = fail

    with make_client(server) as client:
        results = client.batch(["one", "two"])

    assert texts(results) == [InvalidRequestError] * 2
    assert "no such thing" in str(results[0])


@pytest.mark.parametrize("state", ["expired", "cancelled"])
def test_part_of_a_batch_that_has_not_completed_has_results(server, state):
    """
    The results of an expired or cancelled batch are read; the other requests say why they have none.
    """
    server.states = ("in_progress", state)
    server.handle = lambda line: succeed(line) if line["custom_id"].startswith("0-") else None

    with make_client(server) as client:
        first, second = client.batch(["one", "two"])

    assert first.text == "ONE"
    assert (type(second), second.reason) == (BatchItemError, state)


@pytest.mark.parametrize("states", [("validating", "failed"), ("failed",)])
def test_batch_that_the_vendor_rejects_says_why(server, states):
    """
    Each request has the reason that the vendor states for the whole file, also if it does so at once.
    """
    server.states = states
    server.errors = {"data": [{"code": "model_not_found", "message": "The model is unknown.", "line": 1}]}

    with make_client(server) as client:
        results = client.batch(["one", "two"])

    assert [result.reason for result in results] == ["failed", "failed"]
    assert "The model is unknown" in str(results[1])


def test_creation_is_not_repeated_when_the_vendor_may_have_received_it(server):
    """
    A server error after the creation is raised; the upload may be repeated, the creation not.
    """
    server.faults = {"/files": [500], "/batches": [500, 500]}

    with make_client(server, retries=3) as client, pytest.raises(ServerError, match="may have created the batch"):
        client.submit_batch(["one"])

    assert server.count("POST /files") == 2
    assert server.count("POST /batches") == 1


def test_job_from_another_process_has_the_results(server):
    """
    The text of a job is enough to wait for it, and to parse output by its schema; it contains neither prompt nor key.
    """

    class Person(BaseModel):
        name: str

    server.handle = lambda line: _with_text(line, '{"name": "Ada"}')
    with make_client(server) as client:
        saved = client.submit_batch(["a secret prompt"], schema=Person).to_json()
    with make_client(server) as client:
        job = client.job(saved)
        (reply,) = job.result()

    assert isinstance(job, BatchJob)
    assert reply.parsed == {"name": "Ada"}
    assert "secret" not in saved
    assert server.count("POST /batches") == 1


def test_schema_of_this_process_gives_its_own_type(server):
    """
    Output is validated by the type that was passed; other output is an error that is not repaired.
    """
    server.handle = lambda line: _with_text(line, {"0": '{"value": 7}'}.get(line["custom_id"][0], "no number"))

    with make_client(server) as client:
        valid, invalid = client.batch(["one", "two"], schema=int)

    assert valid.parsed == 7
    assert isinstance(invalid, StructuredOutputError)
    assert len(invalid.response.attempts) == 1


def test_tools_are_returned_as_calls(server):
    """
    A call of a tool is in the reply; the function does not run.
    """

    def weather(city: str) -> str:
        raise AssertionError(city)

    def call_tool(line):
        kind, row = succeed(line)
        function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
        message = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": function}]}
        row["response"]["body"]["choices"][0] |= {"message": message, "finish_reason": "tool_calls"}
        return kind, row

    server.handle = call_tool
    with make_client(server) as client:
        (reply,) = client.batch(["Oslo?"], tools=[weather])

    assert [call.name for call in reply.tool_calls] == ["weather"]


def test_batch_is_split_by_the_limits_and_by_the_model(server, monkeypatch):
    """
    No batch has more requests than the vendor takes, or more than one model; the results are one list.
    """
    monkeypatch.setattr("budwood_openai.OpenAI.batch_requests", 2)
    requests = ["0", BatchRequest("1", model="openai/gpt-4.1"), "2", "3"]

    submitted = []
    with make_client(server) as client:
        results = client.batch(requests, submitted=submitted.append)

    assert texts(results) == ["0", "1", "2", "3"]
    assert results[1].model == "gpt-4.1"
    assert sorted(len(server.lines(number)) for number in range(3)) == [1, 1, 2]
    assert len(submitted) == 3


def test_failed_submission_of_a_later_part_keeps_the_earlier_ones(server, monkeypatch):
    """
    The requests of a part that could not be submitted have its error, and can be submitted again from the saved job.
    """
    monkeypatch.setattr("budwood_openai.OpenAI.batch_requests", 1)
    jobs = []

    with make_client(server) as client:
        server.faults = {"/files": []}
        job = client.submit_batch(
            ["one", "two"], submitted=lambda ref: (jobs.append(ref), server.faults["/files"].append(500))
        )
        first = job.result()
        server.faults.clear()
        again = client.job(job.to_json())
        again.result()
        again.resubmit(["one", "two"])
        second = again.result()

    assert texts(first) == ["ONE", ServerError]
    assert texts(second) == ["ONE", "TWO"]
    assert server.count("POST /batches") == 2


def test_resubmission_checks_that_the_requests_are_the_same(server):
    """
    Other prompts than those of the job are not sent in their places.
    """
    server.handle = expire
    with make_client(server) as client:
        job = client.job(client.submit_batch(["one"]).to_json())
        job.result()
        with pytest.raises(ConfigurationError, match="does not contain its requests"):
            job.resubmit()
        job.resubmit(["another"])
        (result,) = job.result()

    assert isinstance(result, PromptError)
    assert server.count("POST /batches") == 1


def test_request_that_cannot_be_sent_fails_alone(server):
    """
    A prompt without content has its error in its place, and the others are sent.
    """
    with make_client(server) as client:
        results = client.batch(["one", [], "three"])

    assert texts(results) == ["ONE", PromptError, "THREE"]
    assert len(server.lines()) == 2


def test_cancelled_job_ends(server):
    """
    Cancelling asks the vendor once; the job has ended when the vendor says so.
    """
    server.states = ("in_progress",)
    with make_client(server) as client:
        job = client.submit_batch(["one"])
        job.cancel()
        state = job.wait()

    assert state.status == "cancelled"
    assert server.count("POST /batches/batch_1/cancel") == 1


def test_timeout_leaves_the_job(server):
    """
    A batch that has not ended in time goes on, and the error names the job.
    """
    server.states = ("in_progress",)
    with make_client(server) as client, pytest.raises(RequestTimeoutError) as caught:
        client.batch(["one"], wait=1)

    assert caught.value.job.id == "batch_1"


def test_vendor_without_batches_is_refused_with_a_way_out():
    """
    The lane "batch" raises before anything is sent; "auto" makes ordinary calls.
    """
    with Client("offline/extractive") as client:
        with pytest.raises(UnsupportedError, match='lane="live"'):
            client.batch(["one"])
        live, auto = client.batch(["one", "two"], lane="live"), client.batch(["one"], lane="auto")

    assert len(live) == 2
    assert live[0].text == auto[0].text


def test_vendor_without_batches_is_refused_before_its_key_is_missed(monkeypatch):
    """
    The error is that of the lane, and its hint names the vendors that have batches.
    """
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    with Client("xai/grok-4") as client, pytest.raises(UnsupportedError) as caught:
        client.submit_batch(["one"])

    specs = [spec for entry in entry_points(group="budwood.providers") for spec in entry.load().budwood_providers()]
    able = {spec.name for spec in specs if Capability.BATCHES in spec.capabilities}
    assert str(caught.value).startswith('xai/grok-4 has no batches. Pass lane="live"')
    assert set(re.findall(r"\w+", caught.value.hint.partition("batches: ")[2])) == able


def test_unknown_lane_is_refused(server):
    """
    It is not taken for another one, and nothing is sent.
    """
    with make_client(server) as client, pytest.raises(ConfigurationError, match="Invalid lane 'night'"):
        client.batch(["one"], lane="night")

    assert server.received == []


def test_live_lane_is_a_job_of_this_process(server):
    """
    Ordinary calls have the same interface: progress, results in order with errors in their places, own options.
    """
    states = []
    with make_client(server) as client:
        job = client.submit_batch(["one", BatchRequest("two", model="openai/gpt-4.1"), []], lane="live")
        results = job.result(progress=states.append)
        with pytest.raises(ConfigurationError, match="cannot be stored"):
            job.to_json()

    assert texts(results) == ["ONE", "TWO", PromptError]
    assert results[1].model == "gpt-4.1"
    assert job.failed == [2]
    assert job.state.status == "succeeded"
    assert server.count("POST /batches") == 0


def test_failed_calls_of_the_live_lane_are_made_again(server):
    """
    Only the failed ones are, and the results are complete then.
    """
    server.faults = {"/chat/completions": [400]}
    with make_client(server) as client:
        job = client.submit_batch(["one", "two"], lane="live", concurrency=1)
        first = job.result()
        job.resubmit()
        second = job.result()

    assert texts(first) == [InvalidRequestError, "TWO"]
    assert texts(second) == ["ONE", "TWO"]
    assert server.count("POST /chat/completions") == 3


def test_options_of_a_job_from_another_process_are_passed_again(server):
    """
    A resubmission with the options of the batch sends the same requests.
    """
    server.handle = expire
    with make_client(server) as client:
        job = client.job(client.submit_batch(["one"], max_tokens=5).to_json())
        job.result()
        server.handle = succeed
        job.resubmit(["one"], max_tokens=5)
        (reply,) = job.result()

    assert reply.text == "ONE"
    assert server.lines(0)[0]["body"] == server.lines(1)[0]["body"]


def test_results_are_charged_to_budgets(server):
    """
    A batch reserves nothing: what its results cost is taken when they are read. A spent budget refuses requests.
    """
    budgets = {"small": {"dollars": 0.000005, "per": "client"}}
    with make_client(server, budgets=budgets) as client:
        (first,) = client.batch(["one"])
        (state,) = client.budgets()
        (second,) = client.batch(["two"])

    assert first.cost == Decimal("0.000006")
    assert state.spent == first.cost
    assert isinstance(second, BudgetExceededError)
    assert server.count("POST /batches") == 1


def test_async_client_has_the_same(server):
    """
    Batches, jobs, resubmission and the live lane of the async client are those of the blocking one.
    """
    outcomes = {"two": expire}
    server.handle = lambda line: outcomes.get(line["body"]["messages"][0]["content"], succeed)(line)

    async def run():
        async with make_client(server, AsyncClient) as client:
            job = await client.submit_batch(["one", "two"])
            first = texts(await job.result())
            outcomes.clear()
            await job.resubmit()
            return first, texts(await job.result()), texts(await client.batch(["one"], lane="live"))

    assert asyncio.run(run()) == (["ONE", BatchItemError], ["ONE", "TWO"], ["ONE"])


def test_ten_thousand_requests(server):
    """
    With results in any order, missing lines and an error file, each of 10,000 requests has its own result.
    """
    count = 10_000

    def handle(line):
        number = int(line["body"]["messages"][0]["content"])
        if number % 97 == 0:
            return None
        return fail(line) if number % 89 == 0 else succeed(line)

    def shuffle(rows):
        random.Random(7).shuffle(rows)
        return rows

    server.handle, server.arrange = handle, shuffle
    with make_client(server) as client:
        job = client.submit_batch(str(number) for number in range(count))
        results = job.result()

    for number, result in enumerate(results):
        if number % 97 == 0:
            assert (type(result), result.reason) == (BatchItemError, "missing")
        elif number % 89 == 0:
            assert type(result) is InvalidRequestError
        else:
            assert result.text == str(number)
    assert server.count("POST /batches") == 1
    assert len(job.to_json()) < 500_000


def _with_text(line, text):
    kind, row = succeed(line)
    row["response"]["body"] = answer({**line["body"], "messages": [{"content": ""}]})
    row["response"]["body"]["choices"][0]["message"]["content"] = text
    return kind, json.loads(json.dumps(row))
