"""Registries of the real `prometheus_client`, and clients that count in them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from budwood import Client


@pytest.fixture
def registry():
    """
    A registry for one test.
    """
    return CollectorRegistry()


@pytest.fixture
def value(registry):
    """
    A function that returns the value of a sample, or None without one.
    """

    def read(name, **labels):
        return registry.get_sample_value(f"budwood_{name}", labels)

    return read


@pytest.fixture
def open_client(scripted, clock):
    """
    A function that creates a client with an observer.
    """
    clients = []

    def make(observer, **options):
        options = {"api_key": "sk-test-secret", "transport": scripted, "clock": clock, "cache": False} | options
        clients.append(Client("openai/gpt-4o", observers=[observer], **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
