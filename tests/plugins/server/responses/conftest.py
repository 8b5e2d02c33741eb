"""The gateway on loopback, with a vendor that speaks the Responses API and one that speaks Chat Completions."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import make_key
from tests.plugins.server.responses.vendor import ScriptedVendor

SHARED = Path(__file__).parents[5] / "shared"
MODELS = {"fast": "openai/gpt-5-mini", "plain": "chat/small", "mixed": ["openai/gpt-5-mini", "chat/small"]}
KEYS = {f"bw_live_{name}": make_key(name) for name in ("one", "two")}


@pytest.fixture(scope="session")
def problems():
    """
    Return a function that lists what is wrong with a body by OpenAI's API description.
    """
    if not SHARED.exists():
        return lambda _schema, _body: []
    sys.path.insert(0, str(SHARED / "tools"))
    try:
        from openapi_check import Schemas
    finally:
        sys.path.pop(0)
    return Schemas.load().problems


@pytest.fixture(scope="module")
def vendor_server():
    """
    The vendor, with the replies and requests of earlier tests.
    """
    with ScriptedVendor() as server:
        yield server


@pytest.fixture
def vendor(vendor_server):
    """
    The vendor, without replies.
    """
    vendor_server.replies.clear()
    vendor_server.requests.clear()
    return vendor_server


@pytest.fixture(scope="module")
def server_settings():
    """
    Settings of the section ``[server]``, for modules to change.
    """
    return {}


@pytest.fixture(scope="module")
def gateway(vendor_server, server_settings, tmp_path_factory):
    """
    The address of a gateway whose vendors are the scripted one.
    """
    url = f"{vendor_server.origin}/v1"
    settings = {
        "providers": {
            "openai": {"api_key": "sk-vendor", "base_url": url},
            "chat": {"plugin": "openai-compatible", "base_url": url},
        },
        "options": {"retries": 0},
        "server": {"models": MODELS, **server_settings},
    }
    file = tmp_path_factory.mktemp("gateway") / "server.sqlite3"
    with GatewayServer(settings, keys=KEYS, database_file=file) as server:
        yield server.base_url


@pytest.fixture
def client(gateway, vendor):
    """
    OpenAI's client for Python.
    """
    with OpenAI(api_key="bw_live_one", base_url=gateway, max_retries=0) as client:
        yield client


@pytest.fixture
def post(gateway, vendor):
    """
    Return a function that posts a body with the first key, and returns the reply of httpx.
    """
    with httpx.Client(base_url=gateway, headers={"authorization": "Bearer bw_live_one"}) as client:
        yield lambda body, path="/responses", **headers: client.post(path, json=body, headers=headers)


@pytest.fixture
def read_events(post):
    """
    Return a function that posts a body, and returns the events of the stream.
    """

    def read(body):
        reply = post({**body, "stream": True})
        assert reply.status_code == 200, reply.text
        blocks = [block.split("\n", 1) for block in reply.text.split("\n\n") if block]
        events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
        assert [name.removeprefix("event: ") for name, _ in blocks] == [event["type"] for event in events]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        return events

    return read


@pytest.fixture
def other(gateway):
    """
    OpenAI's client with another key.
    """
    with OpenAI(api_key="bw_live_two", base_url=gateway, max_retries=0) as client:
        yield client
