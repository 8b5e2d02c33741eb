"""``client.events``: both forms, also while the server restarts."""

from __future__ import annotations

import asyncio

from budwood_server.client import AsyncGatewayClient
from budwood_server.events.reading import format_id
from tests.plugins.server.events.sockets import serve


def test_events_are_followed(gateway, admin):
    """
    What the program does itself, after an id, by type.
    """
    with admin.events.follow(types=["key.*"], after="0") as events:
        new = admin.keys.create("followed")
        event = next(event for event in events if event.subject == new.id)
    assert event.type == "key.created"
    assert event.data["by"]["kind"] == "key"
    assert event.time is not None
    with admin.events.follow(types=["key.created"], subjects=[new.id], after="0") as again:
        assert next(again) == event


def test_a_stream_continues_after_a_restart(sqlite_url):
    """
    After the last event that it had, without loss and without repetition.
    """

    async def main():
        async with (
            serve(sqlite_url) as served,
            AsyncGatewayClient(served.url, key=served.admin) as client,
            client.events.follow(types=["run.*"], after="0") as events,
        ):
            await served.write(0, 1)
            numbers = [(await anext(events)).data["number"] for _ in range(2)]
            await served.stop()
            await served.start()
            await served.write(2, 3)
            numbers += [(await anext(events)).data["number"] for _ in range(2)]
            assert numbers == [0, 1, 2, 3]
            async with client.events.follow(after=format_id(1)) as later:
                assert (await anext(later)).data["number"] == 1

    asyncio.run(main())
