"""A gateway with prompts."""

from __future__ import annotations

import pytest

from tests.plugins.server.prompts.prompted_gateway import PromptedGateway


@pytest.fixture
def prompted(vendor, sqlite_url):
    """
    A gateway with prompts in SQLite.
    """
    with PromptedGateway(vendor, sqlite_url) as gateway:
        yield gateway
