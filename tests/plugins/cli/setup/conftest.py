"""A user, and servers on loopback that pretend to be vendors."""

from __future__ import annotations

import pytest

from budwood_cli import key_sources
from tests.plugins.cli.setup.processes import Machine
from tests.plugins.cli.setup.vendors import Vendor


@pytest.fixture(autouse=True)
def new_settings():
    """
    Read the settings again in each test; a command reads them once.
    """
    key_sources._settings.cache_clear()
    key_sources._instances.cache_clear()


@pytest.fixture
def machine(tmp_path):
    """
    A user with a keyring.
    """
    running = Machine(tmp_path)
    yield running
    running.close()


@pytest.fixture
def openai(machine):
    """
    A server that pretends to be OpenAI.
    """
    with Vendor() as vendor:
        machine.environment["OPENAI_BASE_URL"] = vendor.url
        yield vendor


@pytest.fixture
def closed_port(machine):
    """
    An address of OpenAI at which nothing listens.
    """
    with Vendor() as vendor:
        url = vendor.url
    machine.environment["OPENAI_BASE_URL"] = url
    return url
