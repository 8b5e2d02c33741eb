"""Message Batches: what recordings do not contain."""

from __future__ import annotations

import json

import pytest

from budwood import BatchItemError, Client, InvalidRequestError
from budwood_testing import FakeClock, ScriptedTransport
from budwood_testing.scripted import ScriptedReply

BATCH = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "request_counts": None}
NONE = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}


def message(text):
    """
    Return a reply with a text.
    """
    usage = {"input_tokens": 10, "output_tokens": 5, "service_tier": "batch"}
    content = [{"type": "text", "text": text}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001",
            "content": content, "stop_reason": "end_turn", "usage": usage}  # fmt: skip


def run(results, counts, prompts):
    """
    Run a batch whose results are given by index; return them and the transport.
    """
    transport = ScriptedTransport()
    transport.reply(200, BATCH)
    transport.reply(200, BATCH, headers={"retry-after": "10"})
    transport.reply(200, BATCH | {"processing_status": "ended", "request_counts": NONE | counts})

    def answer(_call):
        ids = {
            int(row["custom_id"].partition("-")[0]): row["custom_id"]
            for row in json.loads(transport.bodies[0])["requests"]
        }
        lines = [json.dumps({"custom_id": ids[index], "result": result}) + "\n" for index, result in results.items()]
        return ScriptedReply(200, {}, ("".join(lines).encode(),))

    transport.answer(answer)
    clock = FakeClock(1_795_000_000.0)
    with Client("anthropic/claude-haiku-4-5", api_key="sk-ant-a", transport=transport, clock=clock) as client:
        return client.batch(prompts, max_tokens=10), transport, clock


def test_outcomes_of_requests_are_typed():
    """
    Succeeded, errored, canceled and expired requests each have their own result, in the order of the prompts.
    """
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too large"}}
    outcomes = {
        3: {"type": "expired"},
        1: {"type": "errored", "error": error},
        2: {"type": "canceled"},
        0: {"type": "succeeded", "message": message("Hello.")},
    }

    results, transport, clock = run(outcomes, {"succeeded": 1, "errored": 1, "canceled": 1, "expired": 1}, list("abcd"))

    assert results[0].text == "Hello."
    assert results[0].cost is not None
    assert isinstance(results[1], InvalidRequestError)
    assert [(type(result), result.reason) for result in results[2:]] == [
        (BatchItemError, "cancelled"),
        (BatchItemError, "expired"),
    ]
    assert clock.slept == [10.0]
    assert [call.repeatable for call in transport.calls] == [False, True, True, True]


@pytest.mark.parametrize(("counts", "status"), [({"canceled": 2}, "cancelled"), ({"expired": 2}, "expired")])
def test_batch_without_any_reply_is_not_succeeded(counts, status):
    """
    The vendor says "ended" for all; the counts say how.
    """
    results, _, _ = run({}, counts, ["a", "b"])

    assert [result.reason for result in results] == [status, status]
