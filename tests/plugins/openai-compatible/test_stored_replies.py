"""Replies of the Responses API that a server keeps."""

from __future__ import annotations

import asyncio

import pytest

from budwood import AsyncClient, Client
from budwood.errors import ConfigurationError, NotFoundError, UnsupportedError

URL = "https://api.openai.com/v1/responses/resp_1"
FAILED = {"id": "resp_1", "object": "response", "status": "failed", "error": {"code": "server_error", "message": "x"}}


@pytest.fixture
def client(scripted, clock):
    """
    A client of OpenAI.
    """
    with Client("openai/gpt-5-mini", api_key="k", transport=scripted, clock=clock, cache=False) as created:
        yield created


@pytest.mark.parametrize(
    ("action", "method", "path"),
    [
        ("get", "GET", "?include=a"),
        ("delete", "DELETE", "?include=a"),
        ("cancel", "POST", "/cancel?include=a"),
        ("input_items", "GET", "/input_items?include=a"),
    ],
)
def test_actions(client, scripted, action, method, path):
    """
    The vendor's answer is returned; the state of a reply that failed is not an error.
    """
    scripted.reply(body=FAILED)

    assert client.stored_reply("resp_1", action, query={"include": "a"}) == FAILED

    assert (scripted.calls[0].method, scripted.calls[0].url) == (method, URL + path)


def test_async_client(scripted, clock):
    """
    The async client does the same.
    """

    async def main():
        async with AsyncClient(transport=scripted.asynchronous, clock=clock, api_key="k", model="openai/m") as client:
            return await client.stored_reply("resp_1", provider="openai")

    scripted.reply(body=FAILED)

    assert asyncio.run(main()) == FAILED


def test_id_is_one_segment_of_the_path(client, scripted):
    """
    An id cannot name another resource.
    """
    scripted.reply(body=FAILED)

    client.stored_reply("../files/a?b")

    assert scripted.calls[0].url == "https://api.openai.com/v1/responses/..%2Ffiles%2Fa%3Fb"
    with pytest.raises(ConfigurationError, match="Invalid id of a reply"):
        client.stored_reply("..")
    assert len(scripted.calls) == 1


def test_unknown_reply(client, scripted):
    """
    The vendor's 404 is raised.
    """
    scripted.reply(404, body={"error": {"message": "not found", "type": "invalid_request_error"}})

    with pytest.raises(NotFoundError):
        client.stored_reply("resp_1")


def test_vendor_without_stored_replies(scripted, clock):
    """
    Nothing is sent to a server that keeps no replies.
    """
    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": "http://localhost:8000/v1"}}}

    with (
        Client("local/m", settings=settings, transport=scripted, clock=clock) as client,
        pytest.raises(UnsupportedError, match="does not keep replies"),
    ):
        client.stored_reply("resp_1")
    assert scripted.calls == []
