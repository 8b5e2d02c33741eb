"""Batches in the forms of other vendors than OpenAI: parts by their limits, and parts without all replies."""

from __future__ import annotations

import json
import re
from typing import ClassVar

import pytest

from budwood import BatchItemError, Client
from budwood.types import BatchLimits
from budwood.wire.uploads import read_body
from budwood_anthropic import batches as anthropic
from budwood_gemini import batches as gemini
from budwood_mistral import batches as mistral
from budwood_testing import FakeClock, ScriptedTransport
from budwood_testing.scripted import ScriptedReply, chat_reply

PROMPTS = ["zero", "one", "two", "three", "four"]


class Mistral:
    model, module = "mistral/mistral-small-latest", mistral
    words: ClassVar = {
        "succeeded": "SUCCESS",
        "expired": "TIMEOUT_EXCEEDED",
        "cancelled": "CANCELLED",
        "failed": "FAILED",
    }

    def ids(self, body):
        return [row["custom_id"] for row in body["requests"]]

    def state(self, number, word, ids, replies):
        rows = [
            {"custom_id": one, "response": {"status_code": 200, "body": chat_reply(text)}}
            for one, text in replies.items()
        ]
        errors = [{"message": "no such thing"}] if word == "FAILED" else []
        job = {"id": f"job-{number}", "status": word or "RUNNING", "total_requests": len(ids), "errors": errors}
        return {**job, **({"outputs": rows} if rows else {})}


class Gemini:
    model, module = "gemini/gemini-2.5-flash", gemini
    words: ClassVar = {"succeeded": "SUCCEEDED", "expired": "EXPIRED", "cancelled": "CANCELLED", "failed": "FAILED"}

    def ids(self, body):
        return [row["metadata"]["key"] for row in body["batch"]["inputConfig"]["requests"]["requests"]]

    def state(self, number, word, ids, replies):
        rows = [{"metadata": {"key": one}, "response": self.reply(text)} for one, text in replies.items()]
        metadata = {"state": f"BATCH_STATE_{word or 'RUNNING'}"}
        error = {"error": {"code": 3, "message": "no such thing"}} if word == "FAILED" else {}
        output = {"inlinedResponses": {"inlinedResponses": rows}}
        return {"name": f"batches/{number}", "metadata": metadata, "response": output, **error}

    def reply(self, text):
        content = {"role": "model", "parts": [{"text": text}]}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}


class Anthropic:
    model, module = "anthropic/claude-sonnet-5", anthropic
    words: ClassVar = {"succeeded": "succeeded", "expired": "expired", "cancelled": "canceled"}

    def ids(self, body):
        return [row["custom_id"] for row in body["requests"]]

    def state(self, number, word, ids, replies):
        counts = {"succeeded": len(replies), "errored": 0, "canceled": 0, "expired": 0, "processing": 0}
        if word not in (None, "succeeded"):
            counts[word] = len(ids) - len(replies)
        status = "in_progress" if word is None else "ended"
        return {"id": f"job-{number}", "processing_status": status, "request_counts": counts}

    def results(self, number, word, ids, replies):
        outcomes = {one: {"type": "succeeded", "message": self.reply(replies[one])} for one in ids if one in replies}
        rows = [{"custom_id": one, "result": outcomes.get(one, {"type": word})} for one in reversed(ids)]
        return b"\n".join(json.dumps(row).encode() for row in rows)

    def reply(self, text):
        fields = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5"}
        content, usage = [{"type": "text", "text": text}], {"input_tokens": 1, "output_tokens": 1}
        return {**fields, "content": content, "stop_reason": "end_turn", "usage": usage}


VENDORS = {"mistral": Mistral(), "gemini": Gemini(), "anthropic": Anthropic()}


class VendorTransport(ScriptedTransport):
    """
    Creates batches and answers polls and downloads in a vendor's form; results come in reverse order.

    Args:
        vendor: The vendor.
        outcomes: How batches end, in the order of their creation, and how many requests they answer. Others succeed.

    Attributes:
        created: The ids of the lines of each batch.
    """

    def __init__(self, vendor, *outcomes):
        super().__init__()
        self.vendor, self.outcomes, self.created = vendor, outcomes, []

    def next_reply(self, call, timing):
        self.calls.append(call)
        if call.method == "POST":
            self.created.append(self.vendor.ids(json.loads(read_body(call.body))))
            content = self.vendor.state(len(self.created) - 1, None, self.created[-1], {})
        else:
            content = self.answer_get(call.url)
        return ScriptedReply(200, {}, (content if isinstance(content, bytes) else json.dumps(content).encode(),))

    def answer_get(self, url):
        number = int(re.search(r"(?:job-|batches/)(\d+)", url)[1])
        status, count = self.outcomes[number] if number < len(self.outcomes) else ("succeeded", None)
        ids = self.created[number]
        replies = {one: f"Reply {one.partition('-')[0]}." for one in reversed(ids[:count])}
        answer = self.vendor.results if url.endswith("/results") else self.vendor.state
        return answer(number, self.vendor.words[status], ids, replies)


@pytest.fixture
def start(monkeypatch):
    """
    Return a function that submits prompts to a vendor with these limits; the client is closed after the test.
    """
    clients = []

    def submit(transport, prompts, **limits):
        module = transport.vendor.module
        sizes = {"requests": 100, "bytes": 10_000, **limits}
        inline = sizes["bytes"] if module._LIMITS.inline_bytes else 0
        changed = BatchLimits(**sizes, inline_bytes=inline, separator=module._LIMITS.separator)
        monkeypatch.setattr(module, "_LIMITS", changed)
        client = Client(transport.vendor.model, api_key="a", transport=transport, clock=FakeClock(1_795_000_000.0))
        clients.append(client)
        return client.submit_batch(prompts)

    yield submit
    for client in clients:
        client.close()


def list_indices(created):
    """
    Return the indices of the requests of each batch.
    """
    return [[int(one.partition("-")[0]) for one in ids] for ids in created]


def list_outcomes(results):
    """
    Return the texts of replies, and the reasons of errors.
    """
    return [result.reason if isinstance(result, BatchItemError) else result.text for result in results]


@pytest.mark.parametrize("status", ["expired", "cancelled"])
@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_unanswered_requests_are_reported_and_submitted_again(start, vendor, status):
    """
    What was answered before the end is kept; only the rest is submitted again.
    """
    transport = VendorTransport(vendor, (status, 1))
    job = start(transport, ["one", "two"])

    assert list_outcomes(job.result()) == ["Reply 0.", status]
    job.resubmit()

    assert list_outcomes(job.result()) == ["Reply 0.", "Reply 1."]
    assert job.failed == []
    assert list_indices(transport.created) == [[0, 1], [1]]


@pytest.mark.parametrize(
    ("limits", "parts"),
    [({"requests": 2}, [[0, 1], [2, 3], [4]]), ({"bytes": 500}, [[0], [1], [2], [3], [4]])],
    ids=["requests", "bytes"],
)
@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_requests_beyond_the_limits_are_several_batches(start, vendor, limits, parts):
    """
    They are one job, whose results are in the order of the requests.
    """
    transport = VendorTransport(vendor)

    job = start(transport, [prompt * 60 for prompt in PROMPTS], **limits)

    assert list_outcomes(job.result()) == [f"Reply {number}." for number in range(5)]
    assert list_indices(transport.created) == parts
    assert job.state.status == "succeeded"


@pytest.mark.parametrize(
    ("vendor", "status"),
    [(vendor, status) for vendor in VENDORS.values() for status in vendor.words if status != "succeeded"],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_batch_that_ends_without_replies_leaves_those_of_the_others(start, vendor, status):
    """
    Its requests have errors in their places, and only they are submitted again.
    """
    transport = VendorTransport(vendor, ("succeeded", None), (status, 0))
    job = start(transport, PROMPTS, requests=2)

    first = job.result()
    assert list_outcomes(first) == ["Reply 0.", "Reply 1.", status, status, "Reply 4."]
    assert ("no such thing" in str(first[2])) is (status == "failed")
    job.resubmit()

    assert list_outcomes(job.result()) == [f"Reply {number}." for number in range(5)]
    assert list_indices(transport.created) == [[0, 1], [2, 3], [4], [2, 3]]
