"""The server of ``/metrics``."""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from budwood import Client
from budwood.errors import ConfigurationError
from budwood_prometheus import PrometheusObserver
from budwood_prometheus.server import Endpoint
from budwood_testing import chat_reply
from tests.forking import run_in_child
from tests.ports import find_port

LOOPBACK = "127.0.0.1"


@pytest.fixture
def port():
    """
    A free port.
    """
    return find_port()


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch):
    """
    Reach servers on loopback without the proxies of the environment.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def read(port):
    """
    Return the metrics that are served on a port.
    """
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics") as reply:
        return reply.read().decode()


def test_metrics_are_served_until_the_observer_is_closed(registry, port, open_client, scripted):
    """
    With a port, the metrics can be read on loopback; closing the observer stops the server.
    """
    scripted.reply(200, chat_reply("Hi"))
    observer = PrometheusObserver(registry, endpoint=Endpoint(LOOPBACK, port, registry))

    open_client(observer).ask("Hello")
    served = read(port)
    observer.close()

    assert "budwood_requests_total{" in served
    with pytest.raises(urllib.error.URLError):
        read(port)


def test_observers_share_a_server(registry, port):
    """
    Several observers with the same port use one server, which ends with the last of them.
    """
    first, second = Endpoint(LOOPBACK, port, registry), Endpoint(LOOPBACK, port, registry)

    first.close()
    first.close()
    served = read(port)
    second.close()

    assert served == ""
    with pytest.raises(urllib.error.URLError):
        read(port)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_process_does_not_wait_for_the_server(registry, port):
    """
    A forked process has no thread that serves: closing the observer there returns, and the parent serves on.
    """
    endpoint = Endpoint(LOOPBACK, port, registry)

    assert run_in_child(endpoint.close) == "None"
    served = read(port)
    endpoint.close()

    assert served == ""


def test_clients_with_the_same_settings_share_a_server(port, scripted, clock):
    """
    Two clients of a process that name the plugin serve the global registry together.
    """
    scripted.reply(200, chat_reply("Hi"))
    settings = {"observers": ["prometheus"], "observer": {"prometheus": {"port": port}}}
    options = {"api_key": "sk-test-secret", "transport": scripted, "clock": clock, "settings": settings}

    with Client("openai/gpt-4o", **options) as first, Client("openai/gpt-4o", **options):
        first.ask("Hello")
        served = read(port)

    assert "budwood_attempts_total{" in served


def test_port_of_another_registry_is_an_error(registry, port):
    """
    A port serves one registry.
    """
    endpoint = Endpoint(LOOPBACK, port, registry)
    try:
        with pytest.raises(ConfigurationError, match="another registry"):
            Endpoint(LOOPBACK, port, CollectorRegistry())
    finally:
        endpoint.close()


def test_address_of_another_machine_is_an_error_with_a_cure(registry, port):
    """
    Another port would not help: the error says to set another address.
    """
    with pytest.raises(ConfigurationError, match="Set address to one of this machine"):
        Endpoint("203.0.113.1", port, registry)


def test_port_in_use_is_an_error_with_a_cure(registry):
    """
    If another program listens on the port, the error says what to set.
    """
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()

        with pytest.raises(ConfigurationError, match="Set another port"):
            Endpoint(LOOPBACK, taken.getsockname()[1], registry)
