"""The cost of replies that a vendor makes in the background."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from budwood.types import CallFilter
from tests.plugins.server.events.written import read_written
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.responses.vendor import text_item, vendor_reply

USAGE = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
COST = Decimal("0.00045")
"""The cost of a reply, at 0.25 and 2 dollars for a million tokens."""


@pytest.fixture
def keyed(vendor, sqlite_url):
    """
    A gateway with keys.
    """
    settings = {
        "providers": {"openai": {"api_key": "k", "base_url": f"{vendor.origin}/v1"}},
        "options": {"retries": 0},
        "server": {"models": {"fast": "openai/gpt-5-mini"}},
    }
    with KeyedGateway(settings, sqlite_url) as gateway:
        yield gateway


def submit(keyed, key):
    """
    Post a request for a reply in the background.
    """
    body = {"model": "fast", "input": "Hi", "background": True}
    return keyed.send("POST", "/v1/responses", key, json.dumps(body).encode())


def read(keyed, key, reply_id):
    """
    Return a reply as it is now.
    """
    answer = keyed.send("GET", f"/v1/responses/{reply_id}", key)
    assert answer.status == 200, answer.body
    return answer.json


def list_costs(keyed):
    """
    Return the label and the cost of the replies in the records of usage.
    """
    usage = keyed.worker.services.usage
    assert keyed.run(usage.flush())
    calls = keyed.run(usage.calls(CallFilter()))
    return [(call.label, call.cost) for call in calls if call.cost]


def test_reply_is_charged_once_to_the_key_that_requested_it(keyed, vendor):
    """
    Whoever of its team reads it first, and however often.
    """
    payer = keyed.create_key(name="payer", team="red", budget={"dollars": 1})
    colleague = keyed.create_key(name="colleague", team="red", budget={"dollars": 1})
    done = vendor_reply(text_item("Hello."), usage=USAGE)
    vendor.reply({**done, "status": "queued", "output": []})
    for _ in range(5):
        vendor.reply(done)
    queued = submit(keyed, payer).json
    assert keyed.find_spent(payer, "fast") == 0

    for token in (colleague, payer, payer):
        assert read(keyed, token, queued["id"])["status"] == "completed"

    assert keyed.find_spent(payer, "fast") == COST
    assert keyed.find_spent(colleague, "fast") == 0
    assert list_costs(keyed) == [("payer", COST)]


def test_reply_that_could_not_be_counted_is_counted_later(keyed, vendor):
    """
    The vendor failed in between.
    """
    key = keyed.create_key(name="payer", budget={"dollars": 1})
    done = vendor_reply(text_item("Hello."), usage=USAGE)
    vendor.reply({**done, "status": "queued", "output": []})
    queued = submit(keyed, key).json
    vendor.reply(done)
    vendor.reply({"error": {"message": "no"}}, 500)
    assert keyed.send("GET", f"/v1/responses/{queued['id']}", key).status == 502
    for _ in range(3):
        vendor.reply(done)

    read(keyed, key, queued["id"])

    assert keyed.find_spent(key, "fast") == COST


def test_reply_that_does_not_fit_is_refused(keyed, vendor):
    """
    Its highest cost must fit into what is left, although nothing is reserved for it.
    """
    refused = submit(keyed, keyed.create_key(budget={"dollars": "0.001"}))

    assert (refused.status, refused.json["error"]["code"]) == (429, "budget_exceeded")
    assert vendor.requests == []


def test_the_end_of_a_reply_is_told_once(keyed, vendor):
    """
    By the first request that reads it after its end, also if its tokens are counted by a later one.
    """
    key = keyed.create_key(name="payer", team="red")
    done = vendor_reply(text_item("Hello."), usage=USAGE)
    vendor.reply({**done, "status": "queued", "output": []})
    queued = submit(keyed, key).json
    vendor.reply({**done, "status": "in_progress", "output": []})
    read(keyed, key, queued["id"])
    assert list_ends(keyed) == []
    vendor.reply(done)
    vendor.reply({"error": {"message": "no"}}, 500)
    assert keyed.send("GET", f"/v1/responses/{queued['id']}", key).status == 502
    for _ in range(4):
        vendor.reply(done)

    for _ in range(2):
        read(keyed, key, queued["id"])

    assert list_ends(keyed) == [(queued["id"], "team-red", "response", "completed", "openai", "fast")]


def test_a_reply_that_is_cancelled_has_ended(keyed, vendor):
    """
    It is told by the request that cancels it.
    """
    key = keyed.create_key(name="payer", team="red")
    cancelled = {**vendor_reply(text_item("Hello."), usage=USAGE), "status": "cancelled"}
    vendor.reply({**cancelled, "status": "queued", "output": []})
    queued = submit(keyed, key).json
    for _ in range(2):
        vendor.reply(cancelled)

    assert keyed.send("POST", f"/v1/responses/{queued['id']}/cancel", key).status == 200

    assert [end[3] for end in list_ends(keyed)] == ["cancelled"]


def list_ends(keyed):
    """
    Return what the events tell of jobs that have ended.
    """
    found = keyed.run(read_written(keyed.worker.database, "job.finished"))
    names = ("kind", "status", "provider", "model")
    return [(each.subject, each.owner, *(each.data[name] for name in names)) for each in found]
