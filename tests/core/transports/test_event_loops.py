"""Transports on another event loop than asyncio's own."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

import budwood
from budwood_testing import chat_reply
from tests.servers import reply


@pytest.mark.parametrize("transport", ["default", "aiohttp", "httptools"])
def test_transports_work_on_uvloop(loopback_server, transport):
    """
    All of them send calls there.
    """
    loopback_server.play(reply(200, chat_reply("Hello.")), times=2)

    async def ask() -> list[str]:
        address = loopback_server.url + "/v1"
        async with budwood.AsyncClient(
            "openai-compatible/any", base_url=address, cache=False, transport=transport
        ) as client:
            replies = await client.ask_many(["Hi", "Ho"]).in_order()
            return [one.text for one in replies if isinstance(one, budwood.ChatResponse)]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == ["Hello.", "Hello."]
