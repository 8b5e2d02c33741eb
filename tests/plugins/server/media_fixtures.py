"""Fixtures of tests of routes for media, files and batches: a vendor, a gateway, and clients of OpenAI's SDK."""

from __future__ import annotations

import openai
import pytest

from tests.plugins.server.running_gateway import OTHER_TOKEN, TOKEN, run_gateway, vendor_settings
from tests.servers import LoopbackServer


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
    with run_gateway(vendor_settings(vendor_server.url), database_file=database_file) as url:
        yield url


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
