"""Clients with settings of their own, and servers on loopback."""

from __future__ import annotations

import json

import pytest

from budwood import AsyncClient, Client
from budwood_testing import ScriptedReply, chat_reply
from tests import job_vendor
from tests.media_server import MediaServer

DEFAULTS = {"api_key": "sk-test-secret", "cache": False}
ERROR_REPLY = {
    "error": {"message": "That is not so.", "type": "invalid_request_error", "param": "messages", "code": None}
}


@pytest.fixture
def make_client(scripted, clock):
    """
    Make blocking clients over the scripted transport, by default of openai/gpt-4o.
    """

    def make(model="openai/gpt-4o", **changes):
        return Client(model, **{**DEFAULTS, "transport": scripted, "clock": clock, **changes})

    return make


@pytest.fixture
def make_async_client(scripted, clock):
    """
    Make async clients over the scripted transport, by default of openai/gpt-4o.
    """

    def make(model="openai/gpt-4o", **changes):
        return AsyncClient(model, **{**DEFAULTS, "transport": scripted.asynchronous, "clock": clock, **changes})

    return make


@pytest.fixture
def vendor():
    """
    A vendor on loopback.
    """
    with MediaServer() as server:
        yield server


@pytest.fixture
def videos(vendor, clock):
    """
    A client of the vendor, whose waiting takes no time.
    """
    with job_vendor.make_client(vendor.url, clock=clock) as client:
        yield client


@pytest.fixture
def echo():
    """
    Reply "you said PROMPT", or with an error if the prompt is "trouble".
    """

    def answer(call):
        asked = json.loads(call.body)["messages"][-1]["content"]
        status, body = (400, ERROR_REPLY) if asked == "trouble" else (200, chat_reply(f"you said {asked}"))
        return ScriptedReply(status, {}, (json.dumps(body).encode(),))

    return answer
