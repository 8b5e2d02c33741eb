"""Texts of prompts and replies in events of calls."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import jsonschema
import pytest
from sqlalchemy import select, update

from budwood.types import RequestFinished
from budwood_server.access.keys import ADMIN, TELEMETRY, TEXTS, WEBHOOKS
from budwood_server.app import create_app
from budwood_server.database import KEYS, raise_version
from budwood_server.database.tables import API_KEYS, EVENTS
from budwood_server.database.tables import WEBHOOKS as ENDPOINTS
from budwood_server.events import texts
from budwood_server.events.retention import remove_old
from budwood_server.events.schemas import describe_data
from budwood_server.events.sequencing import Sequencer
from budwood_server.events.texts import ALL, CallTexts
from budwood_server.vault.master_keys import VARIABLE, new_master_key
from budwood_server.webhooks.dispatch import Dispatcher
from budwood_server.webhooks.fan_out import fan_out
from budwood_server.webhooks.queue import Queue
from budwood_server.webhooks.sending import Sender
from budwood_server.webhooks.targets import Targets
from tests.plugins.server.events.streaming import StreamClient
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.webhooks.receiver import run_receiver

MAX_TEXT = 30
PROMPT = "Berlin is a city. " * 5
SETTINGS = {
    "server": {
        "models": {"fast": "offline/extractive"},
        "events": {"poll": 60, "max_text": MAX_TEXT},
        "webhooks": {"worker": False, "allow_local": True},
    }
}


@pytest.fixture
def gateway(database_url, monkeypatch):
    """
    A gateway with a key of the team red that may get texts, and one for all.
    """
    monkeypatch.setenv(VARIABLE, new_master_key())
    with KeyedGateway(SETTINGS, database_url) as gateway:
        scopes = {WEBHOOKS, TELEMETRY}
        gateway.keys["texts"] = gateway.create_key(name="texts", team="red", scopes=scopes | {TEXTS})
        gateway.keys["all"] = gateway.create_key(name="all", scopes={ADMIN, TELEMETRY, TEXTS})
        yield gateway


def add_endpoint(gateway, key, url, **fields):
    """
    Create an endpoint, and have the worker notice it.
    """
    body = json.dumps({"url": url, "types": ["inference.*"], **fields}).encode()
    answer = gateway.send("POST", "/api/webhooks", gateway.keys[key], body, content_type="application/json")
    assert answer.status == 201, answer.body
    gateway.run(gateway.worker.services.watch.check())


def make_call(gateway, key):
    """
    Make a call, and have its event written, with its place. Return the reply.
    """
    body = json.dumps({"model": "fast", "messages": [{"role": "user", "content": PROMPT}]}).encode()
    answer = gateway.send("POST", "/v1/chat/completions", gateway.keys[key], body, content_type="application/json")
    assert answer.status == 200, answer.body
    gateway.run(gateway.worker.services.usage.flush())
    gateway.run(Sequencer(gateway.worker.database, fan_out, poll=60).assign())
    return answer.json["choices"][0]["message"]["content"]


def read_texts(gateway):
    """
    Return the texts of the events of calls, in their order.
    """

    async def read():
        async with gateway.worker.database.read() as connection:
            query = select(EVENTS.c.texts).where(EVENTS.c.type.like("inference.%")).order_by(EVENTS.c.place)
            return (await connection.execute(query)).scalars().all()

    return gateway.run(read())


def take_scope(gateway):
    """
    Take the scope for texts from a key, as another process does.
    """

    async def change():
        async with gateway.worker.database.write() as connection:
            query = update(API_KEYS).where(API_KEYS.c.name == "texts")
            await connection.execute(query.values(scopes=[TELEMETRY, WEBHOOKS]))
            await raise_version(connection, KEYS)
        await gateway.worker.services.watch.check()

    gateway.run(change())


async def deliver(gateway, receiver, count):
    """
    Send what is due, and return the data of the events that arrive.
    """
    services = gateway.worker.services
    queue = Queue(services.database, "a", 600.0, (0.0,))
    sender = Sender(timeout=500.0, allow_local=True)
    targets = Targets(services.database, gateway.worker._find_master_keys)
    dispatcher = Dispatcher(services.database, queue, targets, sender, source="test", poll=0.05, concurrency=10)
    task = asyncio.create_task(dispatcher.run())
    await receiver.wait_for(count)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await sender.close()
    return [json.loads(body)["data"] for _, body in receiver.requests]


def send_events(gateway, count):
    """
    Send what is due for one endpoint to a receiver; its address is changed for that.
    """

    async def main():
        async with run_receiver() as receiver:
            async with gateway.worker.database.write() as connection:
                await connection.execute(update(ENDPOINTS).values(url=receiver.url))
            return await deliver(gateway, receiver, count)

    return gateway.run(main())


def test_an_endpoint_gets_the_texts_that_it_asks_for(gateway):
    """
    Of the calls of its owner, cut to the limit; texts of other calls are not even stored.
    """
    make_call(gateway, "owner")
    add_endpoint(gateway, "texts", "https://example.org/", with_texts=True)
    reply = make_call(gateway, "owner")
    make_call(gateway, "other")
    (data,) = send_events(gateway, 1)

    truncated = ["prompt", "reply"] if len(reply) > MAX_TEXT else ["prompt"]
    assert data["texts"] == {"prompt": PROMPT[:MAX_TEXT], "reply": reply[:MAX_TEXT], "truncated": truncated}
    jsonschema.validate(data, describe_data("inference.completed"))
    assert read_texts(gateway) == [{"texts": data["texts"]}, None]
    for key in ("texts", "all"):
        listed = gateway.send("GET", "/api/events?type=inference.*", gateway.keys[key])
        assert listed.status == 200
        assert PROMPT[:10] not in listed.body.decode()


def test_an_endpoint_that_does_not_ask_gets_no_texts(gateway):
    """
    Nor are they stored for it.
    """
    add_endpoint(gateway, "texts", "https://example.org/")
    make_call(gateway, "owner")

    assert "texts" not in send_events(gateway, 1)[0]
    assert read_texts(gateway) == [None]


def test_no_texts_are_sent_once_the_scope_is_taken_away(gateway):
    """
    Neither those that are stored, nor are new ones collected.
    """
    add_endpoint(gateway, "texts", "https://example.org/", with_texts=True)
    make_call(gateway, "owner")
    take_scope(gateway)
    make_call(gateway, "owner")
    found = send_events(gateway, 2)

    assert [data.get("texts") for data in found] == [None, None]
    first, second = read_texts(gateway)
    assert first is not None
    assert second is None


def test_a_stream_gets_texts_that_it_asks_for(gateway):
    """
    With the scope, while another stream of the same key has none; afterwards they are not collected.
    """
    services = gateway.worker.services
    app = create_app(gateway.worker)

    async def follow(query):
        client = StreamClient(app, gateway.keys["texts"], query, {})
        await client.__aenter__()
        assert (await client.next()).notice == "ready"
        return client

    async def read(clients):
        await services.watch.check()
        found = [(await client.next()).data["data"].get("texts") for client in clients]
        for client in clients:
            await client.__aexit__()
        await services.events._interests.renew()
        await services.watch.check()
        return found

    clients = [gateway.run(follow(f"types=inference.*{more}")) for more in ("", "&texts=true", "&texts=true&after=0")]
    reply = make_call(gateway, "owner")
    without, asked, from_start = gateway.run(read(clients))
    make_call(gateway, "owner")

    assert without is None
    assert asked == from_start
    assert asked["reply"] == reply[:MAX_TEXT]
    stored = read_texts(gateway)
    assert stored == [{"texts": asked}]


def test_texts_are_removed_before_their_events(gateway):
    """
    After their own days; deliveries of later have none.
    """
    add_endpoint(gateway, "texts", "https://example.org/", with_texts=True)
    make_call(gateway, "owner")
    server = gateway.worker.configuration.server
    gateway.run(remove_old(gateway.worker.database, server, time.time() + 6.9 * 86400))
    assert read_texts(gateway) != [None]
    gateway.run(remove_old(gateway.worker.database, server, time.time() + 7.1 * 86400))
    assert read_texts(gateway) == [None]


def finish(number=1, reply="r", **tags):
    """
    Return a row of a call, and the observation of its end.
    """
    event = RequestFinished(
        call="c",
        service="chat",
        provider="p",
        model="m",
        seconds=1.0,
        attempts=(),
        response=SimpleNamespace(text=reply),
        error=None,
        prompt="p\0\ud800",
        tags=tags,
    )
    return (float(number), "c"), event


def test_texts_of_calls_are_kept_until_they_are_written(monkeypatch):
    """
    For the owners that want them, within a limit of memory, and as databases accept them.
    """
    kept = CallTexts(10)
    row, event = finish(team="red", key="k")
    kept.keep(row, event)
    assert kept.find(row) is None
    for owners, is_kept in ((["team-blue"], False), (["team-red"], True), ([ALL], True), (["key-k"], False)):
        kept.owners = frozenset(owners)
        kept.keep(row, event)
        assert (kept.find(row) is not None) is is_kept
        kept.forget([row])
    kept.owners = frozenset({ALL})
    kept.keep(row, event)
    assert kept.find(row)["texts"] == {"prompt": "p\ufffd?", "reply": "r", "truncated": []}
    assert kept.find((2.0, "c")) is None
    monkeypatch.setattr(texts, "MAX_WAITING", 8)
    later, event = finish(2, reply="r" * 100)
    kept.keep(later, event)
    assert kept.find(later) is None
    kept.forget([row, later])
    later, event = finish(3)
    kept.keep(later, event)
    assert kept.find(later) is not None
