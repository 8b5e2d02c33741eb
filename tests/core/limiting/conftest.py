"""A limiter with a file in a temporary folder."""

from __future__ import annotations

import pytest

from budwood.limiting import LocalLimiter
from budwood.limiting.lasting import LastingCounters


@pytest.fixture
def events():
    """
    The log events of the limiter, as pairs of a name and fields.
    """
    return []


@pytest.fixture
def counts_path(tmp_path):
    """
    The path of the file with counts.
    """
    return tmp_path / "data" / "limits.sqlite3"


@pytest.fixture
def make_limiter(clock, counts_path, events):
    """
    Make limiters on the fake clock that share one file.
    """
    created = []

    def make():
        counters = LastingCounters(counts_path, clock, lambda event, **fields: events.append((event, fields)))
        created.append(LocalLimiter(clock, counters))
        return created[-1]

    yield make
    for limiter in created:
        limiter.close()


@pytest.fixture
def limiter(make_limiter):
    """
    A limiter on the fake clock.
    """
    return make_limiter()
