"""Clients over a scripted transport, for the replies and requests of the reports."""

from __future__ import annotations

import pytest

from budwood import Client
from tests.reports.wire import COMPATIBLE


@pytest.fixture
def make_client(scripted, clock):
    """
    Create blocking clients over the scripted transport, without retries and without a cache.
    """
    clients = []

    def make(model=COMPATIBLE, *, api=None, **options):
        if model.startswith("openai-compatible/"):
            options.setdefault("base_url", "http://server.test/v1")
        if not model.startswith("ollama/"):
            options.setdefault("api_key", "sk-made-up-for-a-test")
        if api is not None:
            options["settings"] = {"providers": {model.partition("/")[0]: {"api": api}}}
        defaults = {"transport": scripted, "clock": clock, "cache": False, "retries": 0}
        clients.append(Client(model, **{**defaults, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def collect(make_client):
    """
    Stream one prompt to its end, and return the response.
    """

    def read_to_the_end(model=COMPATIBLE, prompt="Hello", *, retries=0, api=None, **options):
        with make_client(model, retries=retries, api=api).stream(prompt, **options) as stream:
            for _event in stream:
                pass
        return stream.response

    return read_to_the_end
