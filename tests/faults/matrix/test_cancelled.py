"""A call that is cancelled while a real server hangs gives back all that it held."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood import AsyncClient
from budwood_testing import FakeClock
from tests.faults.matrix.misbehaving_server import ANSWER, SCRIPTS, answer
from tests.servers import LoopbackServer, signal


async def ask(client: AsyncClient, *, streamed: bool) -> str:
    """Return the text of a reply."""
    if not streamed:
        return (await client.ask("Hi")).text
    async with client.stream("Hi") as stream:
        return "".join([text async for text in stream.text_deltas()])


@pytest.mark.parametrize("hedge", [None, 60.0])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", ["hang before the head", "hang in the head", "hang in the body"])
def test_cancelled_probe(fault, streamed, hedge):
    """
    A cancelled call that probes an endpoint gives back the probe, its key, its place and its connection.
    """
    held = threading.Event()

    async def check() -> None:
        with LoopbackServer() as first, LoopbackServer() as backup:
            first.play(*SCRIPTS["503"](streamed), times=3)
            backup.answer = lambda _request: answer(streamed)
            provider = {
                "plugin": "openai-compatible",
                "base_url": first.url,
                "api_key": ["sk-one", "sk-two"],
                "limits": {"concurrency": 1},
                "backups": [{"base_url": backup.url}],
            }
            options = {"settings": {"providers": {"first": provider}}, "clock": FakeClock(), "cache": False}
            async with AsyncClient("first/tiny", hedge=hedge, **options) as client:
                for _ in range(3):
                    await ask(client, streamed=streamed)
                options["clock"].sleep(client.endpoints()[0].next_probe)
                first.play(signal(held), *SCRIPTS[fault](streamed))
                call = asyncio.create_task(ask(client, streamed=streamed))
                await asyncio.to_thread(held.wait)
                probing = client.endpoints()[0]
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call

                assert (probing.state, probing.in_flight) == ("half-open", 1)
                assert (client.endpoints()[0].state, client.endpoints()[0].in_flight) == ("open", 0)
                assert await asyncio.to_thread(first.has_open, 0)
                first.answer = backup.answer
                assert await ask(client, streamed=streamed) == ANSWER
                assert len(first.requests) == 5
                assert client.endpoints()[0].state == "closed"

    asyncio.run(check())
