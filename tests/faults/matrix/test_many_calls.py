"""Many calls at the same time to real servers that often misbehave."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter

import pytest

from budwood import AsyncClient, Client
from budwood.errors import BudwoodError
from budwood_testing import chat_reply
from tests.faults.matrix.cells import BACKUP, FALLBACK, FIRST, RealClock
from tests.faults.matrix.misbehaving_server import ANSWER, SCRIPTS
from tests.servers import KEEP_ALIVE, LoopbackServer, reply

ENDPOINTS = (FIRST, BACKUP, FALLBACK)
FAULTS = ("500", "502", "503", "529", "429", "408", "HTML", "truncated JSON", "error in a 200")
PROMPTS = [f"prompt {number}" for number in range(300)]


def find_fault(endpoint: str, prompt: str) -> str | None:
    """Return the fault of an endpoint for a prompt: three of ten prompts have one."""
    number = zlib.crc32(f"{endpoint} {prompt}".encode())
    return FAULTS[number // 10 % len(FAULTS)] if number % 10 < 3 else None


def make_server(endpoint: str) -> LoopbackServer:
    """Start a server that keeps its connections."""

    def answer(request) -> bytes:
        fault = find_fault(endpoint, request.json["messages"][-1]["content"])
        if fault is None:
            return reply(200, chat_reply(ANSWER), **KEEP_ALIVE)
        (data,) = SCRIPTS[fault](False)
        return data.replace(b"connection: close", b"connection: keep-alive")

    server = LoopbackServer()
    server.answer = answer
    return server


def ask_many(options) -> tuple[list[object], list[object]]:
    """Return the results of all prompts, and the states of the endpoints."""
    with Client("first/tiny", **options) as client:
        return client.ask_many(PROMPTS, concurrency=64).in_order(), client.endpoints()


def ask_many_async(options) -> tuple[list[object], list[object]]:
    """Do the same with the async client."""

    async def ask() -> tuple[list[object], list[object]]:
        async with AsyncClient("first/tiny", **options) as client:
            return await client.ask_many(PROMPTS, concurrency=64).in_order(), client.endpoints()

    return asyncio.run(ask())


@pytest.mark.parametrize("ask", [ask_many, ask_many_async])
@pytest.mark.parametrize("keys", [1, 3])
def test_many_calls_under_faults(ask, keys):
    """
    A call fails only if all endpoints that it asked failed; the ledgers have each request that the servers received.
    """
    with make_server(FIRST) as first, make_server(BACKUP) as backup, make_server(FALLBACK) as fallback:
        servers = dict(zip(ENDPOINTS, (first, backup, fallback), strict=True))
        api_key = [f"sk-{number}" for number in range(keys)] if keys > 1 else "sk-0"
        provider = {"plugin": "openai-compatible", "base_url": first.url, "api_key": api_key}
        provider["backups"] = [{"base_url": backup.url}]
        other = {"plugin": "openai-compatible", "base_url": fallback.url}
        options = {"settings": {"providers": {"first": provider, "second": other}}, "fallbacks": ["second/tiny"]}
        results, states = ask({**options, "clock": RealClock(), "cache": False, "fallback_on": ["RateLimitError"]})

    sent = Counter(attempt.endpoint for result in results for attempt in result.attempts if attempt.skipped is None)
    assert sent == {name: len(server.requests) for name, server in servers.items()}
    assert [state.in_flight for state in states] == [0, 0, 0]
    for prompt, result in zip(PROMPTS, results, strict=True):
        tried = {attempt.endpoint for attempt in result.attempts if attempt.skipped is None}
        if isinstance(result, BudwoodError):
            assert all(find_fault(endpoint, prompt) for endpoint in tried)
        else:
            assert result.text == ANSWER
            assert find_fault(result.attempts[-1].endpoint, prompt) is None
