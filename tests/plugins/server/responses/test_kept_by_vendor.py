"""Replies that their vendor keeps."""

from __future__ import annotations

import pytest
from openai import BadRequestError, NotFoundError

from tests.plugins.server.responses.vendor import text_item, vendor_reply

ITEMS = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


def test_routes_reach_the_vendor(client, vendor):
    """
    Each route asks the vendor by its own id, and the client sees only the public one.
    """
    reply = vendor_reply(text_item("Hello."))
    for body in (reply, reply, ITEMS, {**reply, "status": "cancelled"}, {"id": reply["id"], "deleted": True}):
        vendor.reply(body)

    created = client.responses.create(model="fast", input="Hi")
    read = client.responses.retrieve(created.id, include=["file_search_call.results"])
    client.responses.input_items.list(created.id, limit=3)
    cancelled = client.responses.cancel(created.id)
    client.responses.delete(created.id)

    assert created.id == read.id == cancelled.id != reply["id"]
    assert read.output_text == "Hello."
    (_, get, items, cancel, delete) = [(method, path) for method, path, _ in vendor.requests]
    assert get[0] == "GET"
    assert get[1].startswith("/v1/responses/resp_vendor1?include")
    assert items == ("GET", "/v1/responses/resp_vendor1/input_items?limit=3")
    assert cancel == ("POST", "/v1/responses/resp_vendor1/cancel")
    assert delete == ("DELETE", "/v1/responses/resp_vendor1")
    with pytest.raises(NotFoundError):
        client.responses.retrieve(created.id)


def test_a_conversation_continues_at_the_vendor(client, vendor):
    """
    The vendor gets its own id, and the client the public one; in streams too.
    """
    vendor.reply(vendor_reply(text_item("Hello.")))
    second = vendor_reply(text_item("Bye."), id="resp_vendor2", previous_response_id="resp_vendor1")
    vendor.reply(
        [
            {"type": "response.created", "response": {**second, "status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": text_item("Bye.")},
            {"type": "response.completed", "response": second},
        ]
    )
    vendor.reply(second)
    first = client.responses.create(model="fast", input="Hi", store=True)

    with client.responses.stream(model="fast", input="Bye", previous_response_id=first.id) as stream:
        final = stream.get_final_response()
    read = client.responses.retrieve(final.id)

    assert vendor.bodies[1]["previous_response_id"] == "resp_vendor1"
    assert vendor.requests[2][1] == "/v1/responses/resp_vendor2"
    assert final.previous_response_id == read.previous_response_id == first.id


def test_another_key_finds_nothing(client, other, vendor):
    """
    Each route answers 404 without asking the vendor.
    """
    vendor.reply(vendor_reply(text_item("Hello.")))
    created = client.responses.create(model="fast", input="Hi")

    for call in (
        lambda: other.responses.retrieve(created.id),
        lambda: other.responses.delete(created.id),
        lambda: other.responses.cancel(created.id),
        lambda: other.responses.input_items.list(created.id),
        lambda: other.responses.create(model="fast", input="Hi", previous_response_id=created.id),
        lambda: client.responses.create(model="fast", input="Hi", previous_response_id="resp_vendor1"),
        lambda: client.responses.retrieve("resp_vendor1"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert len(vendor.requests) == 1


def test_in_the_background(client, vendor, problems):
    """
    The vendor makes the reply; its tokens are counted once it was read.
    """
    done = vendor_reply(text_item("Hello."))
    vendor.reply({**done, "status": "queued", "output": []})
    vendor.reply({**done, "status": "in_progress", "output": []})
    for _ in range(4):
        vendor.reply(done)

    queued = client.responses.create(model="fast", input="Hi", background=True)
    running = client.responses.retrieve(queued.id)
    complete = client.responses.retrieve(queued.id)
    client.responses.retrieve(queued.id)

    assert vendor.bodies[0] == {"model": "gpt-5-mini", "input": "Hi", "background": True}
    assert [reply.status for reply in (queued, running, complete)] == ["queued", "in_progress", "completed"]
    assert problems("Response", queued.to_dict(mode="json")) == []
    assert [method for method, _, _ in vendor.requests] == ["POST", "GET", "GET", "GET", "GET", "GET"]


def test_a_reply_cannot_be_continued_elsewhere(client, vendor):
    """
    The error names the field, and the provider that has the reply.
    """
    vendor.reply(vendor_reply(text_item("Hello.")))
    created = client.responses.create(model="fast", input="Hi")

    with pytest.raises(BadRequestError, match="openai keeps that reply") as caught:
        client.responses.create(model="plain", input="Hi", previous_response_id=created.id)
    assert caught.value.param == "previous_response_id"


def test_nothing_is_kept_with_store_false(client, vendor):
    """
    The id cannot be used later.
    """
    vendor.reply(vendor_reply(text_item("Hello.")))
    created = client.responses.create(model="fast", input="Hi", store=False)

    with pytest.raises(NotFoundError):
        client.responses.retrieve(created.id)


def test_a_reply_that_the_vendor_has_lost_is_forgotten(client, vendor):
    """
    Deleting it is a 404, and so is everything afterwards.
    """
    vendor.reply(vendor_reply(text_item("Hello.")))
    vendor.reply({"error": {"message": "not found", "type": "invalid_request_error"}}, 404)
    created = client.responses.create(model="fast", input="Hi")

    for _ in range(2):
        with pytest.raises(NotFoundError):
            client.responses.delete(created.id)
    assert len(vendor.requests) == 2
