"""The gateway of the tests."""

from __future__ import annotations

import pytest

from tests.gateway_clients.gateway import start_gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """A gateway to a server in place of OpenAI."""
    with start_gateway(tmp_path_factory.mktemp("gateway")) as started:
        yield started
