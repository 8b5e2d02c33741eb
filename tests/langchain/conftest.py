"""The vendor of the tests, and no other settings than theirs."""

from __future__ import annotations

import pytest

from tests.langchain.vendor import Vendor


@pytest.fixture
def vendor():
    """
    A server, whose replies repeat the user's text.
    """
    with Vendor() as server:
        yield server
