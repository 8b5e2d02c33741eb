"""What the client sends, how often, and what becomes of errors, with a scripted server on loopback."""

from __future__ import annotations

import asyncio
import json

import pytest

import budwood
from budwood_server.client import (
    APIError,
    AsyncGatewayClient,
    BadResponseError,
    ConflictError,
    ConnectionFailedError,
    GatewayClient,
    InvalidRequestError,
    NetworkError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from tests.servers import EVENT_STREAM, RESET, WAIT_FOR_CLOSE, head, reply

LABEL = json.dumps({"version": 1})
PROMPT = json.dumps(
    {
        "prompt": {"name": "a", "messages": [{"role": "user", "content": "x"}]},
        "version": 1,
        "created": 0.0,
        "author": "b",
    }
)
REPLY = {
    "text": "b",
    "model": "m",
    "provider": "p",
    "finish_reason": "stop",
    "cost": None,
    "cache": "miss",
    "attempts": 1,
    "adaptations": [],
    "prompt": None,
    "session": None,
    "request_id": "req_1",
    "usage": dict.fromkeys(
        ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    ),
}


@pytest.fixture
def connected(vendor, clock):
    """
    A client of the scripted server, on a clock that does not wait.
    """
    with GatewayClient(vendor.url, key="bw_live_a_secret", clock=clock) as client:
        yield client


def refuse(status, code="x", **headers):
    """
    Return an error of the server.
    """
    error = {"code": code, "message": "It is wrong.", "hint": "Mend it.", "request_id": "req_1"}
    return reply(status, body=json.dumps({"error": error}), **headers)


def event(name, data, number=None):
    """
    Return an event of a stream.
    """
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {json.dumps(data)}\n\n".encode()


@pytest.mark.parametrize(
    ("status", "kind", "base"),
    [
        (400, InvalidRequestError, budwood.InvalidRequestError),
        (409, ConflictError, budwood.ProviderError),
        (418, APIError, budwood.ProviderError),
    ],
)
def test_error_has_what_the_server_says(vendor, connected, status, kind, base):
    """
    It is raised at once, also as an error of `budwood` of the same name.
    """
    vendor.play(refuse(status))

    with pytest.raises(kind, match="It is wrong") as caught:
        connected.prompts.label("a", "b", 1)

    error = caught.value
    assert (error.status, error.code, error.hint, error.request_id) == (status, "x", "Mend it.", "req_1")
    assert isinstance(error, base)
    assert len(vendor.requests) == 1


def test_temporary_errors_are_retried(vendor, connected, clock):
    """
    The delay is that of the server, or random.
    """
    vendor.play(refuse(429, **{"retry-after": "7"})).play(refuse(503)).play(reply(body=LABEL))

    assert connected.prompts.label("a", "b", 1).version == 1
    assert clock.slept[0] == 7.0
    assert 0 <= clock.slept[1] <= 1.0
    assert len(vendor.requests) == 3


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (refuse(429, "budget_exceeded"), RateLimitError),
        (refuse(429, **{"retry-after": "1000"}), RateLimitError),
        (reply(body="<html>"), BadResponseError),
        (reply(body='{"version": "secret"}'), BadResponseError),
    ],
)
def test_errors_that_stay_are_not_retried(vendor, connected, script, kind):
    """
    Neither is one for which the server asks to wait too long. A reply in another form is not in the error.
    """
    vendor.play(script)

    with pytest.raises(kind) as caught:
        connected.prompts.label("a", "b", 1)

    assert len(vendor.requests) == 1
    assert "secret" not in str(caught.value) + repr(caught.value.__context__)


def test_values_that_json_cannot_have_are_errors_of_budwood(vendor, connected):
    """
    Nothing is sent, and the error says what may be.
    """
    with pytest.raises(budwood.PromptError, match=r"cannot be sent as JSON[\s\S]*valid Unicode"):
        connected.run("\ud800", model="m")

    assert vendor.requests == []


def test_retries_of_creations_have_one_key(vendor, connected):
    """
    So that the server creates once, although the first reply was lost.
    """
    vendor.play(RESET).play(reply(201, body=PROMPT)).play(reply(201, body=PROMPT))

    connected.prompts.roll_back("a", 1)
    connected.prompts.roll_back("a", 1)

    first, second, other = (request.headers["idempotency-key"] for request in vendor.requests)
    assert first == second != other


def test_stream_of_a_model_is_not_repeated_after_it_was_received(vendor, connected):
    """
    It may have been paid, and the server keeps no streams.
    """
    vendor.play(RESET)

    with pytest.raises(ConnectionFailedError) as caught, connected.stream("Hi", model="m") as events:
        next(events)

    assert isinstance(caught.value, NetworkError)
    assert isinstance(caught.value, budwood.ConnectionFailedError)
    assert len(vendor.requests) == 1


def test_call_of_a_model_waits_for_its_first_attempt(vendor, connected, clock):
    """
    Which the server had not ended when the connection broke. An error of the vendor is not repeated.
    """
    vendor.play(RESET)
    for _ in range(4):
        vendor.play(refuse(409, "idempotency_in_progress", **{"retry-after": "1"}))
    vendor.play(reply(body=json.dumps(REPLY))).play(refuse(502))

    assert connected.run("Hi", model="m").text == "b"
    assert clock.slept[1:] == [1.0] * 4
    assert len({request.headers["idempotency-key"] for request in vendor.requests}) == 1
    with pytest.raises(ServerError):
        connected.run("Hi", model="m")


def test_call_of_a_model_is_sent_once_to_a_server_that_keeps_no_replies(vendor, connected):
    """
    Without the key that the client has made; one of the program is an error.
    """
    vendor.play(refuse(400, "idempotency_unavailable")).play(RESET)

    with pytest.raises(ConnectionFailedError):
        connected.run("Hi", model="m")

    assert ["idempotency-key" in request.headers for request in vendor.requests] == [True, False]
    vendor.play(refuse(400, "idempotency_unavailable"))
    with pytest.raises(InvalidRequestError):
        connected.run("Hi", model="m", idempotency_key="mine")


def test_server_without_answer_is_a_timeout(vendor):
    """
    The time is that of the client.
    """
    vendor.play(WAIT_FOR_CLOSE)

    with (
        GatewayClient(vendor.url, key="k", timeout=0.2) as client,
        pytest.raises(RequestTimeoutError) as caught,
    ):
        client.whoami()

    assert isinstance(caught.value, budwood.RequestTimeoutError)


def test_proxy_in_place_of_the_server_is_named(vendor, connected, clock):
    """
    An error without the form of the API says so.
    """
    vendor.play(reply(502, body="<html>"), times=3)

    with pytest.raises(ServerError, match=r"HTTP status 502\. Check the URL"):
        connected.prompts.label("a", "b", 1)

    assert len(clock.slept) == 2


def test_stream_is_continued_after_the_last_event(vendor, connected):
    """
    If it breaks, it is opened again with the id of that event; `end` ends it.
    """
    status = {"id": "run_1", "state": "running", "progress": {}}
    vendor.play(head(**EVENT_STREAM), event("progress", status, 7), RESET)
    vendor.play(head(**EVENT_STREAM), event("end", {**status, "state": "complete"}, 8), WAIT_FOR_CLOSE)

    with connected.runs.events("run_1") as events:
        states = [each.state for each in events]

    assert states == ["running", "complete"]
    assert [request.headers.get("last-event-id") for request in vendor.requests] == [None, "7"]


def test_interrupted_reply_is_an_error(vendor, connected):
    """
    A call of a model is not sent again.
    """
    vendor.play(head(**EVENT_STREAM), event("text", {"text": "a"}))

    with connected.stream("Hi", model="m") as events, pytest.raises(ConnectionFailedError, match="before the reply"):
        list(events)

    assert len(vendor.requests) == 1


def test_error_in_a_stream_is_raised(vendor, connected):
    """
    It has the code of the server.
    """
    vendor.play(head(**EVENT_STREAM), event("text", {"text": "a"}), event("error", {"error": {"code": "overloaded"}}))

    with connected.stream("Hi", model="m") as events:
        assert next(events).text == "a"
        with pytest.raises(APIError) as caught:
            next(events)

    assert caught.value.code == "overloaded"


def test_leaving_a_stream_closes_its_connection(vendor, connected):
    """
    The server stops generating.
    """
    vendor.play(head(**EVENT_STREAM), event("text", {"text": "a"}), WAIT_FOR_CLOSE)

    with connected.stream("Hi", model="m") as events:
        next(events)

    assert vendor.closed_by_client.wait(30)


def test_async_calls_follow_the_same_rules(vendor, clock):
    """
    Retries, streams and errors.
    """
    vendor.play(refuse(503)).play(reply(body=LABEL)).play(refuse(400))
    vendor.play(head(**EVENT_STREAM), event("text", {"text": "a"}), event("done", REPLY), WAIT_FOR_CLOSE)

    async def use():
        async with AsyncGatewayClient(vendor.url, key="k", clock=clock) as client:
            await client.prompts.label("a", "b", 1)
            with pytest.raises(InvalidRequestError):
                await client.prompts.label("a", "b", 1)
            async with client.stream("Hi", model="m") as events:
                return [each async for each in events]

    first, last = asyncio.run(use())
    assert (first.text, last.reply.text) == ("a", "b")
    assert len(clock.slept) == 1


def test_request_names_the_client_and_hides_the_key(vendor, connected):
    """
    The key is in one header only.
    """
    vendor.play(refuse(400))

    with pytest.raises(APIError) as caught:
        connected.accounts.create("ann", "viewer", "my secret password")

    (request,) = vendor.requests
    assert request.headers["authorization"] == "Bearer bw_live_a_secret"
    assert request.headers["x-budwood-client"] == f"budwood-python/{budwood.__version__}"
    assert "secret" not in f"{caught.value!r} {caught.value} {connected!r} {connected.sender.connection!r}"


def test_jobs_are_submitted_in_two_steps(vendor, connected):
    """
    The lines are uploaded as a file; the results are read from the files of the job.
    """
    job = {
        "id": "batch_1",
        "status": "completed",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file_1",
        "output_file_id": "file_2",
        "created_at": 1,
    }
    vendor.play(reply(body='{"id": "file_1"}')).play(reply(body=json.dumps(job))).play(reply(body=json.dumps(job)))
    vendor.play(reply(body='{"custom_id": "a"}\n{"custom_id": "b"}\n'))

    submitted = connected.jobs.submit([{"custom_id": "a"}, {"custom_id": "b"}])
    results = connected.jobs.results(submitted.id)

    assert [each["custom_id"] for each in results] == ["a", "b"]
    assert b'{"custom_id":"b"}' in vendor.requests[0].body
    assert vendor.requests[1].json["input_file_id"] == "file_1"
    assert [request.line.split()[1] for request in vendor.requests[2:]] == [
        "/v1/batches/batch_1",
        "/v1/files/file_2/content",
    ]


def test_closed_client_sends_nothing(vendor, connected):
    """
    Closing twice is no error.
    """
    connected.close()
    connected.close()

    with pytest.raises(budwood.ConfigurationError, match="closed"):
        connected.whoami()
    assert vendor.requests == []
