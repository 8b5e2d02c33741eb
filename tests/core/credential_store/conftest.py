"""A keyring for each test."""

from __future__ import annotations

import pytest

from tests.fake_keyring import use_fake_keyring


@pytest.fixture
def system_keyring():
    """
    Replace the keyring of the system for one test.
    """
    with use_fake_keyring() as fake:
        yield fake
