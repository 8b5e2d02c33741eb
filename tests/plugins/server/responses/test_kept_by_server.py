"""Replies that the gateway keeps itself, for a vendor without the Responses API."""

from __future__ import annotations

import json

import pytest
from openai import BadRequestError, NotFoundError

from tests.plugins.server.responses.vendor import chat_chunk, chat_reply


@pytest.fixture(scope="module")
def server_settings():
    """
    Replies are kept for a day.
    """
    return {"responses": {"retention": 1}}


def test_a_conversation_continues(client, vendor):
    """
    The next request needs only the id: the vendor gets all messages, but not the earlier instructions.
    """
    vendor.reply(chat_reply("Hello."))
    vendor.reply([chat_chunk(content="Fine."), chat_chunk("stop"), "[DONE]"])
    vendor.reply(chat_reply("Bye."))

    first = client.responses.create(model="plain", input="Hi", instructions="Be kind.")
    with client.responses.stream(model="plain", input="How are you?", previous_response_id=first.id) as stream:
        second = stream.get_final_response()
    third = client.responses.create(model="plain", input="Bye", previous_response_id=second.id)

    assert (first.model_extra["store"], third.previous_response_id) == (True, second.id)
    assert [(message["role"], message["content"]) for message in vendor.bodies[2]["messages"]] == [
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "How are you?"),
        ("assistant", "Fine."),
        ("user", "Bye"),
    ]


def test_a_reply_can_be_read_and_deleted(client, vendor, problems):
    """
    It is the same as before, until it is deleted.
    """
    vendor.reply(chat_reply("Hello."))
    created = client.responses.create(model="plain", input="Hi")

    read = client.responses.retrieve(created.id)
    client.responses.delete(created.id)

    assert read.to_dict() == created.to_dict()
    assert problems("Response", read.to_dict(mode="json")) == []
    with pytest.raises(NotFoundError):
        client.responses.retrieve(created.id)


def test_a_reply_can_be_read_as_a_stream(client, vendor, problems):
    """
    The events are those of the complete reply; ``starting_after`` leaves out those that the client has.
    """
    vendor.reply(chat_reply("Hello.", reasoning_content="Hm"))
    created = client.responses.create(model="plain", input="Hi")

    events = list(client.responses.retrieve(created.id, stream=True))
    rest = list(client.responses.retrieve(created.id, stream=True, starting_after=2))

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.to_dict() == created.to_dict()
    assert [event.sequence_number for event in rest] == list(range(3, len(events)))
    assert list(client.responses.retrieve(created.id, stream=True, starting_after=len(events) - 1)) == []
    assert [problem for event in events for problem in problems("ResponseStreamEvent", event.to_dict())] == []


def test_input_items_are_pages(client, vendor, problems):
    """
    The newest is the first, and a page says whether more follow.
    """
    vendor.reply(chat_reply("Hello."))
    items = [{"role": "user", "content": text} for text in ("a", "b", "c")]
    created = client.responses.create(model="plain", input=items)

    page = client.responses.input_items.list(created.id, limit=2)
    everything = list(client.responses.input_items.list(created.id, order="asc"))

    assert problems("ResponseItemList", page.to_dict()) == []
    assert ([item.content[0].text for item in page.data], page.has_more) == (["c", "b"], True)
    assert [item.content[0].text for item in page.get_next_page().data] == ["a"]
    assert [item.content[0].text for item in everything] == ["a", "b", "c"]


def test_store_false_keeps_nothing(client, vendor):
    """
    The id cannot be used later.
    """
    vendor.reply(chat_reply("Hello."))
    created = client.responses.create(model="plain", input="Hi", store=False)

    with pytest.raises(NotFoundError):
        client.responses.retrieve(created.id)
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model="plain", input="Hi", store=False, background=True)
    assert caught.value.param == "store"


def test_another_key_finds_nothing(client, other, vendor):
    """
    Each route answers 404, and a reply cannot be continued.
    """
    vendor.reply(chat_reply("Hello."))
    created = client.responses.create(model="plain", input="Hi")

    for call in (
        lambda: other.responses.retrieve(created.id),
        lambda: other.responses.delete(created.id),
        lambda: other.responses.cancel(created.id),
        lambda: other.responses.input_items.list(created.id),
        lambda: other.responses.create(model="plain", input="Hi", previous_response_id=created.id),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert client.responses.retrieve(created.id).id == created.id


def wait_for(client, reply_id):
    """Read a reply until it has ended: its stream lasts as long."""
    *_, last = client.responses.retrieve(reply_id, stream=True)
    return last


def test_in_the_background(client, vendor, problems):
    """
    The reply is queued at once, and complete later.
    """
    vendor.reply(chat_reply("Hello."))

    queued = client.responses.create(model="plain", input="Hi", background=True)
    last = wait_for(client, queued.id)

    assert problems("Response", queued.to_dict(mode="json")) == []
    assert (queued.status, last.type) == ("queued", "response.completed")
    assert client.responses.retrieve(queued.id).output_text == "Hello."


def test_a_failure_in_the_background(client, vendor, problems):
    """
    The reply has failed, and says why.
    """
    vendor.reply({"error": {"message": "down", "type": "server_error"}}, 500)

    queued = client.responses.create(model="plain", input="Hi", background=True)
    last = wait_for(client, queued.id)

    assert last.type == "response.failed"
    read = client.responses.retrieve(queued.id)
    assert (read.status, read.error.code) == ("failed", "server_error")
    assert "down" in read.error.message
    assert problems("Response", read.to_dict(mode="json")) == []


def test_a_stream_in_the_background(read_events, vendor):
    """
    The stream has the id first, and the reply once it is complete.
    """
    vendor.reply(chat_reply("Hello."))

    events = read_events({"model": "plain", "input": "Hi", "background": True})

    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert events[-1]["response"]["id"] == events[0]["response"]["id"]


def test_cancel(client, vendor):
    """
    The vendor's call is cancelled, and the reply stays cancelled.
    """
    vendor.hold()
    vendor.reply(chat_reply("Hello."))
    queued = client.responses.create(model="plain", input="Hi", background=True)
    vendor.wait_for_request()

    cancelled = client.responses.cancel(queued.id)
    vendor.release()

    assert cancelled.status == "cancelled"
    assert wait_for(client, queued.id).response.status == "cancelled"


def test_a_kept_reply_continues_at_another_vendor(client, vendor):
    """
    A conversation that the gateway keeps can be continued with a vendor that keeps its own.
    """
    vendor.reply(chat_reply("Hello."))
    vendor.reply(
        {"id": "resp_x", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": []}
    )
    first = client.responses.create(model="plain", input="Hi")

    client.responses.create(model="fast", input="Go on", previous_response_id=first.id)

    sent = vendor.bodies[1]
    assert "previous_response_id" not in sent
    assert [item["role"] for item in sent["input"]] == ["user", "assistant", "user"]
    assert "bwd1" not in json.dumps(sent)
