"""Many events to many endpoints, of which one refuses connections, some are slow, and one answers 500 at random."""

from __future__ import annotations

import pytest

from tests.plugins.server.webhooks.scale import CONCURRENCY, deliver
from tests.plugins.server.webhooks.stored import run_stored

pytestmark = pytest.mark.one_python

SLOW = 8
"""The number of slow endpoints: without a limit they would take most of the requests of a process."""


def name_endpoints(healthy):
    """
    Return the names of endpoints, the broken ones first.
    """
    slow = [f"slow-{number}" for number in range(SLOW)]
    return ["dead-0", *slow, "flaky-0", *(f"healthy-{number}" for number in range(healthy))]


@pytest.mark.parametrize(
    ("healthy", "events", "to_each"),
    [
        pytest.param(7, 40, True, id="short"),
        pytest.param(47, 10_000, False, id="one-each", marks=pytest.mark.deep),
        pytest.param(47, 10_000, True, id="all-each", marks=pytest.mark.deep),
    ],
)
def test_broken_endpoints_do_not_delay_others(database_url, healthy, events, to_each):
    """
    Healthy ones get all their events, and end at about the same time. The slow ones get a half of the requests at most.
    """

    async def scenario(stored):
        endpoints = name_endpoints(healthy)
        figures = await deliver(stored, endpoints, events, to_each=to_each)
        print(figures)  # noqa: T201 - the figures of a proof
        expected = events if to_each else events // len(endpoints)
        for number in range(healthy):
            assert figures.reports[f"/healthy/{number}"]["events"] >= expected
            assert figures.reports[f"/healthy/{number}"]["requests"] == figures.reports[f"/healthy/{number}"]["events"]
        assert figures.most_slow <= CONCURRENCY // 2
        assert "/dead/0" not in figures.reports

    run_stored(database_url, scenario)
