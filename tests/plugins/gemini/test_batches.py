"""Batches of Gemini: what recordings do not contain."""

from __future__ import annotations

import json

import pytest

from budwood import BatchItemError, Client, InvalidRequestError, RateLimitError
from budwood_testing import FakeClock, ScriptedTransport
from budwood_testing.scripted import ScriptedReply

NAME = "batches/abc"


def state(word, **fields):
    """
    Return a batch in a state; numbers are texts.
    """
    metadata = {"state": f"BATCH_STATE_{word}", "batchStats": {"requestCount": "3", "successfulRequestCount": "1"}}
    return {"name": NAME, "metadata": metadata, **fields}


def reply(text):
    """
    Return a reply with a text.
    """
    content = {"role": "model", "parts": [{"text": text}]}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 6, "serviceTier": "standard"}
    return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage,
            "modelVersion": "gemini-2.5-flash"}  # fmt: skip


@pytest.fixture
def transport():
    """
    Return the transport of a client.
    """
    return ScriptedTransport()


def run(transport, prompts):
    """
    Run a batch.
    """
    clock = FakeClock(1_795_000_000.0)
    with Client("gemini/gemini-2.5-flash", api_key="a", transport=transport, clock=clock) as client:
        return client.batch(prompts)


def test_inline_results_are_matched_by_their_key(transport):
    """
    They are not in the order of the requests, and errors have codes of gRPC. The price is that of batches.
    """

    def answer(_call):
        config = json.loads(transport.bodies[0])["batch"]["inputConfig"]["requests"]["requests"]
        keys = [row["metadata"]["key"] for row in config]
        rows = [
            {"metadata": {"key": keys[2]}, "error": {"code": 8, "message": "Resource exhausted."}},
            {"metadata": {"key": keys[0]}, "response": reply("One.")},
            {"metadata": {"key": keys[1]}, "error": {"code": 3, "message": "Invalid."}},
        ]
        output = {"inlinedResponses": {"inlinedResponses": rows}}
        return ScriptedReply(200, {}, (json.dumps(state("SUCCEEDED", response=output)).encode(),))

    transport.reply(200, state("PENDING")).answer(answer).answer(answer)

    first, second, third = run(transport, ["one", "two", "three"])

    assert first.text == "One."
    assert first.cost is not None
    assert isinstance(second, InvalidRequestError)
    assert isinstance(third, RateLimitError)
    body = json.loads(transport.bodies[0])["batch"]
    assert body["displayName"]
    assert body["inputConfig"]["requests"]["requests"][0]["request"]["model"] == "models/gemini-2.5-flash"


def test_batch_that_failed_has_its_reason(transport):
    """
    The error of the whole batch is that of its requests, not of the poll.
    """
    failed = state("FAILED", done=True, error={"code": 13, "message": "The input cannot be read."})
    transport.reply(200, state("PENDING")).reply(200, failed).reply(200, failed)

    (result,) = run(transport, ["one"])

    assert (type(result), result.reason) == (BatchItemError, "failed")
    assert "cannot be read" in str(result)


def test_large_batch_is_a_file(transport, monkeypatch):
    """
    It is uploaded, and its results are a file of lines with the same keys.
    """
    monkeypatch.setattr("budwood_gemini.batches._LIMITS", _small_limits())
    upload = {"x-goog-upload-url": "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1"}
    transport.reply(200, headers=upload).reply(200, {"file": {"name": "files/in", "state": "ACTIVE"}})
    transport.reply(200, state("PENDING"))
    done = state("SUCCEEDED", response={"responsesFile": "files/out"})
    transport.reply(200, done).reply(200, done)

    def answer(_call):
        keys = [json.loads(line)["key"] for line in transport.bodies[1].splitlines()]
        lines = [json.dumps({"key": key, "response": reply(key[0])}) + "\n" for key in keys[::-1]]
        return ScriptedReply(200, {}, ("".join(lines).encode(),))

    transport.answer(answer)

    results = run(transport, ["a", "b"])

    assert [result.text for result in results] == ["0", "1"]
    assert json.loads(transport.bodies[2])["batch"]["inputConfig"] == {"fileName": "files/in"}
    assert transport.calls[-1].url.endswith("files/out:download?alt=media")


def _small_limits():
    from budwood.types import BatchLimits

    return BatchLimits(requests=10, bytes=10_000)
