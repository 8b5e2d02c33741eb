"""Batches on Azure, by scripted replies."""

from __future__ import annotations

import json

import pytest

from budwood.errors import InvalidRequestError, JobFailedError
from budwood_testing.scripted import ScriptedReply

FILE = {"id": "file-1", "object": "file", "filename": "batch.jsonl", "bytes": 10, "purpose": "batch", "created_at": 1}
BATCH = {"id": "batch_1", "object": "batch", "status": "validating", "request_counts": None, "error_file_id": ""}
URLS = {
    "v1": "https://res.openai.azure.com/openai/v1{}",
    "deployments": "https://res.openai.azure.com/openai{}?api-version=2025-04-01-preview",
}


def line(number, status="200"):
    """
    Return a line of a result; Azure writes the status as a text or a number.
    """
    message = {"role": "assistant", "content": f"Reply {number}."}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4.1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return {"custom_id": number, "response": {"status_code": status, "body": body}, "error": None}


def script_results(scripted, number_of, *states):
    """
    Script the creation of a batch, its states, and its results in reverse order.
    """
    scripted.reply(200, FILE | {"status": "pending"}).reply(200, FILE | {"status": "processed"})
    scripted.reply(201, BATCH)
    for state in states:
        scripted.reply(200, state)

    def answer(_call):
        ids = [json.loads(row)["custom_id"] for row in number_of()]
        return ScriptedReply(200, {}, tuple(json.dumps(line(one)).encode() + b"\n" for one in ids[::-1]))

    scripted.answer(answer)
    scripted.reply(200, b"")  # the error file, which is empty


@pytest.mark.parametrize("form", URLS)
def test_batch_waits_for_its_file_and_ends(make_client, scripted, clock, form):
    """
    The file is uploaded, asked for until it is processed, and the batch is polled at most once a minute.
    """

    def rows():
        body = scripted.bodies[0]
        text = body[body.index(b'{"custom_id"') : body.rindex(b"}") + 1]
        return text.splitlines()

    done = BATCH | {"status": "completed", "output_file_id": "file-2", "error_file_id": "file-3"}
    script_results(scripted, rows, BATCH | {"status": "in_progress"}, done)
    settings = {"api_version": "2025-04-01-preview"} if form == "deployments" else {}

    with make_client(api_key="azure-very-secret", **settings) as client:
        results = client.batch(["one", "two"])

    url = URLS[form]
    assert [call.url for call in scripted.calls] == [
        url.format(path)
        for path in (
            "/files",
            "/files/file-1",
            "/batches",
            "/batches/batch_1",
            "/batches/batch_1",
            "/files/file-2/content",
            "/files/file-3/content",
        )
    ]
    assert [json.loads(row)["body"]["model"] for row in rows()] == ["chat", "chat"]
    assert json.loads(scripted.bodies[2])["endpoint"] == "/v1/chat/completions"
    assert [result.text[-1:] for result in results] == [".", "."]
    assert clock.slept == [2.0, 60.0, 60.0]
    assert all(call.headers["api-key"] for call in scripted.calls)


def test_file_that_azure_cannot_use_ends_the_submission(make_client, scripted):
    """
    No batch is created from it, and the error has Azure's reason.
    """
    scripted.reply(200, FILE | {"status": "pending"})
    scripted.reply(200, FILE | {"status": "error", "status_details": "invalid_json_line"})

    with make_client() as client, pytest.raises(JobFailedError, match="invalid_json_line"):
        client.submit_batch(["one"])

    assert len(scripted.calls) == 2


def test_rejected_creation_is_raised(make_client, scripted):
    """
    An error of the creation is that of a live call, and is not repeated.
    """
    scripted.reply(200, FILE | {"status": "processed"})
    scripted.reply(400, {"error": {"message": "The model does not match.", "code": "model_mismatch"}})

    with make_client() as client, pytest.raises(InvalidRequestError, match="does not match"):
        client.submit_batch(["one"])
