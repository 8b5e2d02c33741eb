"""Calls to record and replay, for tests of cassettes."""

from __future__ import annotations

from pathlib import Path

from budwood import AsyncClient, Client
from budwood.types import HTTPCall, Timing
from budwood_testing import RecordingTransport

KEY = "sk-test-0123456789"
CASSETTE = Path("cassettes/ask.json")
ANY_TIME = Timing(connect_timeout=5.0, idle_timeout=60.0, deadline=1e8)


def create_client(transport, url="https://api.openai.com/v1", **options):
    """
    Create a client with a key.
    """
    return Client("openai/gpt-4o", api_key=KEY, base_url=url, transport=transport, cache=False, **options)


def create_async_client(transport, url="https://api.openai.com/v1", **options):
    """
    Create an async client with a key.
    """
    return AsyncClient("openai/gpt-4o", api_key=KEY, base_url=url, transport=transport, cache=False, **options)


def record(scripted, *prompts, path=CASSETTE, **options):
    """
    Record prompts to a scripted transport.
    """
    with create_client(RecordingTransport(path, scripted, **options), retries=0) as client:
        for prompt in prompts:
            client.ask(prompt)
    return path


async def ask_async(transport, prompt, **options):
    """
    Ask once, on a new event loop.
    """
    async with create_async_client(transport, **options) as client:
        return await client.ask(prompt)


async def stream_async(transport, prompt, **options):
    """
    Read a stream, on a new event loop.
    """
    async with create_async_client(transport, **options) as client, client.stream(prompt) as stream:
        return [event async for event in stream]


def call(body=b"", url="https://a.example/v1/x", method="POST"):
    """
    Create a call that belongs to no vendor.
    """
    return HTTPCall(method=method, url=url, body=body)


def read_chunks(transport, request):
    """
    Read the chunks of a reply.
    """
    exchange = transport.open(request, ANY_TIME)
    chunks = list(iter(exchange.read, b""))
    exchange.close()
    return chunks
