"""Calls that are recorded and played."""

from __future__ import annotations

from pathlib import Path

from budwood import AsyncClient, Client
from budwood.types import HTTPCall, Timing
from budwood_testing import RecordingTransport

KEY = "sk-test-0123456789"
TAPE = Path("cassettes/ask.json")
ANY_TIME = Timing(connect_timeout=5.0, idle_timeout=60.0, deadline=1e8)


def asking(transport, url="https://api.openai.com/v1", **options):
    """
    Make a client with a key.
    """
    return Client("openai/gpt-4o", api_key=KEY, base_url=url, transport=transport, cache=False, **options)


def asking_async(transport, url="https://api.openai.com/v1", **options):
    """
    Make an async client with a key.
    """
    return AsyncClient("openai/gpt-4o", api_key=KEY, base_url=url, transport=transport, cache=False, **options)


def recorded(scripted, *prompts, path=TAPE, **options):
    """
    Record asking a scripted transport.
    """
    with asking(RecordingTransport(path, scripted, **options), retries=0) as client:
        for prompt in prompts:
            client.ask(prompt)
    return path


async def ask_async(transport, prompt, **options):
    """
    Ask once, in a loop of its own.
    """
    async with asking_async(transport, **options) as client:
        return await client.ask(prompt)


async def stream_async(transport, prompt, **options):
    """
    Read a stream, in a loop of its own.
    """
    async with asking_async(transport, **options) as client, client.stream(prompt) as stream:
        return [event async for event in stream]


def call(body=b"", url="https://a.example/v1/x", method="POST"):
    """
    Make a call of no vendor's.
    """
    return HTTPCall(method=method, url=url, body=body)


def played(transport, sent):
    """
    Read what a transport answers, piece by piece.
    """
    exchange = transport.open(sent, ANY_TIME)
    pieces = list(iter(exchange.read, b""))
    exchange.close()
    return pieces
