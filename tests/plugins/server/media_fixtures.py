"""Fixtures of tests of routes for media, files and batches: a vendor, a gateway, and clients of OpenAI's SDK."""

from __future__ import annotations

import openai
import pytest

from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import OTHER_TOKEN, TOKEN
from tests.servers import LoopbackServer


def vendor_settings(url):
    """
    Return settings with vendors that are all at one address.
    """
    names = ("openai", "gemini", "anthropic", "mistral", "xai")
    return {"providers": {name: {"base_url": url, "api_key": "test"} for name in names}, "options": {"retries": 0}}


@pytest.fixture(scope="module")
def vendor_server():
    """
    The server in place of all vendors.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def vendor(vendor_server):
    """
    The server in place of all vendors, without replies and requests of other tests.
    """
    vendor_server.clear_replies()
    vendor_server.requests.clear()
    vendor_server.closed_by_client.clear()
    return vendor_server


@pytest.fixture(scope="module")
def gateway(vendor_server, tmp_path_factory):
    """
    The base URL of a gateway.
    """
    database_file = tmp_path_factory.mktemp("gateway") / "server.sqlite3"
    with GatewayServer(vendor_settings(vendor_server.url), database_file=database_file) as server:
        yield server.base_url


@pytest.fixture(scope="module")
def client(gateway):
    """
    The SDK's client with a key.
    """
    with openai.OpenAI(api_key=TOKEN, base_url=gateway, max_retries=0) as one:
        yield one


@pytest.fixture(scope="module")
def other_client(gateway):
    """
    The SDK's client with a key of someone else.
    """
    with openai.OpenAI(api_key=OTHER_TOKEN, base_url=gateway, max_retries=0) as one:
        yield one
