"""``client.webhooks`` and ``client.events``."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from budwood_server.client import AsyncGatewayClient, NotFoundError


def wait_for_key(admin):
    """
    Wait until an event of a key has its place.
    """
    with admin.events.follow(types=["key.created"], after="0") as events:
        next(events)


def test_endpoints_are_managed(admin):
    """
    Each method sends what its route expects; a secret is returned by two of them only.
    """
    admin.keys.create("watched")
    wait_for_key(admin)
    new = admin.webhooks.create("https://receiver.invalid/events", types=["key.*"], name="test", per_second=2)
    changed = admin.webhooks.change(new.id, name="other", per_second=None)
    secret = admin.webhooks.rotate(new.id, overlap=60).secret

    assert (changed.name, changed.per_second, changed.types) == ("other", None, ["key.*"])
    assert changed.selected_types == ["key.created", "key.revoked"]
    assert new.secret != secret
    assert admin.webhooks.pause(new.id).state == "paused"
    assert admin.webhooks.resume(new.id).state == "active"
    assert len(admin.webhooks.get(new.id).secrets) == 2
    assert new.id in [each.id for each in admin.webhooks.list()]
    assert admin.webhooks.pause(new.id).id == new.id
    count = admin.webhooks.replay_since(new.id, datetime(2020, 1, 1, tzinfo=UTC)).events
    deliveries = list(admin.webhooks.deliveries(new.id))
    assert len(deliveries) >= count > 0
    assert '"type":"key.created"' in admin.webhooks.delivery(new.id, deliveries[-1].id).body
    assert admin.webhooks.replay(new.id, deliveries[-1].id).event == deliveries[-1].event
    tested = admin.webhooks.test(new.id)
    assert (tested.delivered, tested.attempt.status) == (False, None)
    admin.webhooks.delete(new.id)
    with pytest.raises(NotFoundError):
        admin.webhooks.get(new.id)


def test_events_are_listed(gateway, admin):
    """
    In their order, from an id on; also by the async client.
    """
    admin.keys.create("listed")
    wait_for_key(admin)
    events = list(admin.events.list(types=["key.*"]))

    async def use():
        async with AsyncGatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
            return [each.id async for each in client.events.list(after=events[0].id, types=["key.*"])]

    assert [each.id for each in events] == sorted(each.id for each in events)
    assert asyncio.run(use())[: len(events) - 1] == [each.id for each in events[1:]]
    assert "run.finished" in {each.name for each in admin.events.types().types}


def test_events_are_listed_newest_first(admin):
    """
    Over all pages, by what they are about and when they happened.
    """
    new = admin.keys.create("twice")
    admin.keys.rotate(new.id)
    with admin.events.follow(types=["key.*"], subjects=[new.id], after="0") as events:
        first, second = next(events).id, next(events).id

    newest = [each.id for each in admin.events.list(order="newest", types=["key.*"])]
    assert newest == sorted(newest, reverse=True)
    assert [each.id for each in admin.events.list(order="newest", subject=new.id)] == [second, first]
    assert [each.id for each in admin.events.list(before=second, subject=new.id, since="1h")] == [first]
    assert list(admin.events.list(until="1h")) == []
    assert admin.events.get(first).subject == new.id
    with pytest.raises(NotFoundError):
        admin.events.get("evt_999999")
