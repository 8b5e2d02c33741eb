"""One question, asked in the four ways that there are: what goes wrong goes wrong alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from budwood import AsyncClient, Client
from budwood.types import ChatResponse

KEY = "sk-test-secret-key"


def plain(client_options, prompt, **options) -> ChatResponse:
    """Ask with `Client`, and wait."""
    with Client("openai/gpt-4o", **client_options) as client:
        return client.ask(prompt, **options)


def streamed(client_options, prompt, **options) -> ChatResponse:
    """Ask with `Client`, and read the stream."""
    with Client("openai/gpt-4o", **client_options) as client, client.stream(prompt, **options) as stream:
        list(stream)
        return stream.response


def plain_async(client_options, prompt, **options) -> ChatResponse:
    """Ask with `AsyncClient`, and wait."""

    async def ask() -> ChatResponse:
        async with AsyncClient("openai/gpt-4o", **client_options) as client:
            return await client.ask(prompt, **options)

    return asyncio.run(ask())


def streamed_async(client_options, prompt, **options) -> ChatResponse:
    """Ask with `AsyncClient`, and read the stream."""

    async def ask() -> ChatResponse:
        async with AsyncClient("openai/gpt-4o", **client_options) as client:
            async with client.stream(prompt, **options) as stream:
                async for _ in stream:
                    pass
            return stream.response

    return asyncio.run(ask())


WAYS = {"plain": plain, "streamed": streamed, "async-plain": plain_async, "async-streamed": streamed_async}


@pytest.fixture
def key():
    """
    The key that must never be shown.
    """
    return KEY


def asker(request, loopback_server, clock) -> Callable[..., ChatResponse]:
    """Make a function that asks the loopback server. Its clock lets pauses before retries pass at once."""
    way = WAYS[request.param]

    def ask(prompt="hi", *, client_options=None, **options) -> ChatResponse:
        given = {"api_key": KEY, "base_url": loopback_server.url, "clock": clock, "cache": False}
        return way(given | (client_options or {}), prompt, **options)

    return ask


@pytest.fixture(params=WAYS)
def ask(request, loopback_server, clock):
    """
    Asks the loopback server in each of the four ways: plain and streamed, blocking and async.
    """
    return asker(request, loopback_server, clock)


@pytest.fixture(params=["streamed", "async-streamed"])
def ask_streamed(request, loopback_server, clock):
    """
    Asks the loopback server for a stream, blocking and async.
    """
    return asker(request, loopback_server, clock)


@pytest.fixture(params=["plain", "async-plain"])
def ask_plain(request, loopback_server, clock):
    """
    Asks the loopback server for a whole reply, blocking and async.
    """
    return asker(request, loopback_server, clock)
