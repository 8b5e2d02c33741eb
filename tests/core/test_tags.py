"""Tags of calls, which only observers receive."""

from __future__ import annotations

import json

import pytest

import budwood
from budwood.errors import ConfigurationError
from budwood.types import RequestFinished, RequestStarted
from budwood_testing import chat_reply
from tests import job_vendor

TAGS = {"user": "ada", "app.team-1": "a\0é"}


class Recorder:
    """
    Stores the starts and the ends of requests.
    """

    event_types = (RequestStarted, RequestFinished)

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    @property
    def tags(self):
        return [event.tags for event in self.events]


@pytest.fixture
def recorder():
    """
    An observer that stores events.
    """
    return Recorder()


def test_observers_receive_the_tags_and_the_vendor_does_not(make_client, scripted, recorder):
    """
    Both events have those of the call; a call without tags has an empty dictionary.
    """
    client = make_client(observers=[recorder])
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))

    client.ask("Hello", tags=TAGS)
    client.ask("Hello")

    assert recorder.tags == [TAGS, TAGS, {}, {}]
    tagged, plain = scripted.calls
    assert (tagged.url, dict(tagged.headers), tagged.body) == (plain.url, dict(plain.headers), plain.body)


def test_tags_are_no_part_of_cache_keys(make_client, scripted, recorder):
    """
    Calls of two users share a reply, and are recorded with the tags of each.
    """
    client = make_client(observers=[recorder], cache="memory")
    scripted.reply(body=chat_reply("Hi"))

    client.ask("Hello", tags={"user": "ada"}, temperature=0)
    reply = client.ask("Hello", tags={"user": "bob"}, temperature=0)

    assert reply.cached
    assert [event.tags["user"] for event in recorder.events] == ["ada", "ada", "bob", "bob"]


def test_every_service_takes_tags(make_client, scripted, recorder):
    """
    Conversations, lists of prompts, embeddings and moderations have them.
    """
    client = make_client(observers=[recorder])
    for _ in range(2):
        scripted.reply(body=chat_reply("Hi"))
    scripted.reply(body={"model": "m", "data": [{"index": 0, "embedding": [0.5]}], "usage": {}})
    scripted.reply(body={"model": "m", "results": [{"flagged": False, "categories": {}, "category_scores": {}}]})

    client.chat(tags=TAGS).ask("Hello")
    client.ask_many(["Hello"], tags=TAGS).in_order()
    client.embed("Hello", model="openai/text-embedding-3-small", tags=TAGS)
    client.moderate("Hello", model="openai/omni-moderation-latest", tags=TAGS)

    assert {event.service for event in recorder.events} == {"chat", "embeddings", "moderation"}
    assert recorder.tags == [TAGS] * 8


def test_tags_of_a_view_are_defaults(make_client, scripted, recorder):
    """
    Calls and further views add to them, and override them.
    """
    client = make_client(observers=[recorder]).view(tags={"user": "", "team": "a"}).view(tags={"user": "ada"})
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))
    scripted.reply(body={"data": [], "object": "list"})

    client.ask("Hello")
    client.ask("Hello", tags={"user": "bob", "session": "1"})
    client.models()

    default = {"user": "ada", "team": "a"}
    overridden = {"user": "bob", "team": "a", "session": "1"}
    assert recorder.tags == [default, default, overridden, overridden, default, default]
    with pytest.raises(ConfigurationError, match="can have 16 tags; got 18"):
        client.ask("Hello", tags={str(number): "" for number in range(16)})
    with pytest.raises(ConfigurationError, match="must be a text"):
        client.view(tags={"user": 1})


def test_tags_are_copied(make_client, scripted, recorder):
    """
    A dictionary that changes later changes no record.
    """
    client = make_client(observers=[recorder])
    scripted.reply(body=chat_reply("Hi"))
    tags = {"user": "ada"}

    client.ask("Hello", tags=tags)
    tags["user"] = "bob"

    assert recorder.tags == [{"user": "ada"}] * 2


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["user"], "must be a dictionary; got list"),
        ("user", "must be a dictionary; got str"),
        ({str(number): "" for number in range(17)}, "can have 16 tags; got 17"),
        ({"": "x"}, "Invalid name of a tag: ''"),
        ({"a b": "x"}, "Invalid name of a tag: 'a b'"),
        ({"a\n": "x"}, "Invalid name of a tag"),
        ({"é": "x"}, "Invalid name of a tag"),
        ({"a" * 65: "x"}, "Invalid name of a tag"),
        ({1: "x"}, "Invalid name of a tag: 1"),
        ({"user": 5}, "The tag 'user' must be a text; got int"),
        ({"user": None}, "The tag 'user' must be a text; got NoneType"),
        ({"user": "x" * 513}, "The tag 'user' has 513 characters, and can have 512"),
    ],
)
def test_invalid_tags_are_rejected_before_anything_is_sent(make_client, scripted, tags, message):
    """
    The error says what is wrong, and how it is right.
    """
    with pytest.raises(ConfigurationError, match=message) as caught:
        make_client().ask("Hello", tags=tags)

    assert caught.value.hint
    assert scripted.calls == []


def test_limits_of_tags_are_inclusive(make_client, scripted, recorder):
    """
    16 tags, names of 64 characters and values of 512 are valid.
    """
    client = make_client(observers=[recorder])
    scripted.reply(body=chat_reply("Hi"))
    tags = {f"{number:02}".ljust(64, "_"): "x" * 512 for number in range(16)}

    client.ask("Hello", tags=tags)

    assert recorder.tags == [tags] * 2


def test_jobs_keep_the_tags_of_their_call(vendor, clock, recorder):
    """
    Their polls and their results have them, also in another process.
    """
    with job_vendor.make_client(vendor.url, clock=clock) as client:
        text = client.submit("Think.", tags={"user": "ada"}).to_json()
    assert json.loads(text)["tags"] == {"user": "ada"}

    with job_vendor.make_client(vendor.url, clock=clock, observers=[recorder]) as client:
        client.job(text).result()

    assert recorder.tags
    assert all(tags == {"user": "ada"} for tags in recorder.tags)


def test_reported_calls_have_tags(recorder):
    """
    They are checked as those of clients.
    """
    with budwood.CallReporter([recorder]) as reporter:
        reporter.start("openai", "small", tags=TAGS).finish()
        reporter.start("openai", "small").finish()
        with pytest.raises(ConfigurationError, match="must be a text"):
            reporter.start("openai", "small", tags={"user": 1})

    assert recorder.tags == [TAGS, TAGS, {}, {}]
