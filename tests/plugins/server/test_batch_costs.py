"""The cost of a translated batch, in the budget of its key and in the records of usage."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx
import pytest

from budwood.types import CallFilter
from tests.plugins.server.anthropic_batches import AnthropicBatches, fail, succeed
from tests.plugins.server.keyed_gateway import KeyedGateway

CHAT = "/v1/chat/completions"
COST = Decimal("0.00075")
"""The cost of a reply: 1,000 tokens of input and 100 of output, at half of 1 and 5 dollars for a million."""


@pytest.fixture
def vendor():
    """
    A vendor whose batches end when the test says so, and that rejects the second request.
    """
    with AnthropicBatches() as server:
        server.handle = lambda row: fail(row) if "1?" in str(row) else succeed(row)
        yield server


@pytest.fixture
def gateway(vendor, sqlite_url):
    """
    A gateway to it.
    """
    settings = {
        "providers": {"anthropic": {"base_url": vendor.url, "api_key": "test"}},
        "options": {"retries": 0},
        "server": {"models": {"claude": "anthropic/claude-haiku-4-5"}},
    }
    with KeyedGateway(settings, sqlite_url) as gateway:
        yield gateway


def create(gateway, key, count=3):
    """
    Upload lines, and return the reply to the request for a batch of them.
    """
    bodies = [
        {"model": "claude", "max_tokens": 50, "messages": [{"role": "user", "content": f"Question {number}?"}]}
        for number in range(count)
    ]
    lines = [
        {"custom_id": f"mine-{number}", "method": "POST", "url": CHAT, "body": body}
        for number, body in enumerate(bodies)
    ]
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    form = httpx.Request("POST", "http://test", data={"purpose": "batch"}, files={"file": ("lines.jsonl", content)})
    headers = {"content_type": form.headers["content-type"]}
    file = gateway.send("POST", "/v1/files", key, form.read(), **headers).json
    body = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
    return gateway.send("POST", "/v1/batches", key, json.dumps(body).encode())


def list_calls(gateway):
    """
    Return the records of replies.
    """
    usage = gateway.worker.services.usage
    assert gateway.run(usage.flush())
    return [call for call in gateway.run(usage.calls(CallFilter())) if call.service == "chat"]


def test_finished_batch_is_charged_and_recorded_once(gateway, vendor):
    """
    The budget of the key that created it counts the replies, whoever of its team asks first, and however often.
    """
    key = gateway.create_key(name="payer", team="red", budget={"dollars": 1})
    colleague = gateway.create_key(name="colleague", team="red", budget={"dollars": 1})
    batch = create(gateway, key).json
    assert gateway.find_spent(key, "claude") == 0
    vendor.has_ended = True

    for token in (colleague, key, key):
        done = gateway.send("GET", f"/v1/batches/{batch['id']}", token).json
        assert (done["status"], done["request_counts"]["completed"]) == ("completed", 2)

    assert gateway.find_spent(key, "claude") == 2 * COST
    assert gateway.find_spent(colleague, "claude") == 0
    calls = list_calls(gateway)
    assert sorted(call.cost or 0 for call in calls) == [0, COST, COST]
    assert {(call.label, call.tags["team"], call.tags["model"]) for call in calls} == {("payer", "red", "claude")}


def test_batch_without_budget_left_is_refused(gateway, vendor):
    """
    Once the results have used up a budget, the next batch is a 429, and nothing is sent.
    """
    key = gateway.create_key(budget={"dollars": str(COST)})
    batch = create(gateway, key, 1).json
    vendor.has_ended = True
    assert gateway.send("GET", f"/v1/batches/{batch['id']}", key).json["status"] == "completed"

    refused = create(gateway, key, 1)

    assert (refused.status, refused.json["error"]["code"]) == (429, "budget_exceeded")
    assert list(vendor.rows) == ["msgbatch_1"]
