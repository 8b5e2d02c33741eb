"""Each fault is tested with both clients, with and without streaming."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from budwood import AsyncClient, Client
from budwood.types import ChatResponse

KEY = "sk-test-secret-key"


def call_ask(client_options, prompt, **options) -> ChatResponse:
    """Call `Client.ask`."""
    with Client("openai/gpt-4o", **client_options) as client:
        return client.ask(prompt, **options)


def call_stream(client_options, prompt, **options) -> ChatResponse:
    """Read a stream of `Client`."""
    with Client("openai/gpt-4o", **client_options) as client, client.stream(prompt, **options) as stream:
        list(stream)
        return stream.response


def call_async_ask(client_options, prompt, **options) -> ChatResponse:
    """Call `AsyncClient.ask`."""

    async def ask() -> ChatResponse:
        async with AsyncClient("openai/gpt-4o", **client_options) as client:
            return await client.ask(prompt, **options)

    return asyncio.run(ask())


def call_async_stream(client_options, prompt, **options) -> ChatResponse:
    """Read a stream of `AsyncClient`."""

    async def ask() -> ChatResponse:
        async with AsyncClient("openai/gpt-4o", **client_options) as client:
            async with client.stream(prompt, **options) as stream:
                async for _ in stream:
                    pass
            return stream.response

    return asyncio.run(ask())


CALLS = {"plain": call_ask, "streamed": call_stream, "async-plain": call_async_ask, "async-streamed": call_async_stream}


@pytest.fixture
def key():
    """
    The API key, which errors must not contain.
    """
    return KEY


def create_ask(request, loopback_server, clock) -> Callable[..., ChatResponse]:
    """Return a function that calls the loopback server, without delays before retries."""
    call = CALLS[request.param]

    def ask(prompt="hi", *, client_options=None, **options) -> ChatResponse:
        defaults = {"api_key": KEY, "base_url": loopback_server.url, "clock": clock, "cache": False}
        return call(defaults | (client_options or {}), prompt, **options)

    return ask


@pytest.fixture(params=CALLS)
def ask(request, loopback_server, clock):
    """
    Call the loopback server with and without streaming, blocking and async.
    """
    return create_ask(request, loopback_server, clock)


@pytest.fixture(params=["streamed", "async-streamed"])
def ask_streamed(request, loopback_server, clock):
    """
    Call the loopback server with streaming, blocking and async.
    """
    return create_ask(request, loopback_server, clock)


@pytest.fixture(params=["plain", "async-plain"])
def ask_plain(request, loopback_server, clock):
    """
    Call the loopback server without streaming, blocking and async.
    """
    return create_ask(request, loopback_server, clock)
