"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest


class Calendar:
    """
    The present moment, as tests set it.
    """

    def __init__(self):
        self.moment = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self):
        """
        Return it.
        """
        return self.moment

    def seconds(self):
        """
        Return it in seconds since 1970.
        """
        return self.moment.timestamp()

    def forward(self, seconds):
        """
        Let time pass.
        """
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def calendar():
    """
    A clock at noon of 1 March 2026.
    """
    return Calendar()
