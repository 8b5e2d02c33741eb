"""The view of alerts."""

from __future__ import annotations

import re
import time

import pytest

from budwood_server.alerts.evaluator import Evaluator
from budwood_server.alerts.store import LEASE_SECONDS
from tests.plugins.server.page.conftest import Browser, read
from tests.plugins.server.people.conftest import AccountsGateway
from tests.plugins.server.telemetry_calls import make_call, write_calls

PATH = "/admin/alerts"
ALERTS = {
    "errors": {"metric": "error_rate", "above": 0.05, "for": "1m", "window": "1h", "to": []},
    "spending": {"metric": "cost", "above": 2, "window": "1d", "team": "<b>red</b>", "to": []},
    "too-many": {"metric": "calls", "above": 4, "to": []},
}


@pytest.fixture
def gateway(sqlite_url, monkeypatch):
    """
    A gateway with five calls and three alerts, of which one was beyond its threshold at the last check.
    """
    monkeypatch.setattr("budwood_server.people.passwords._N", 16)
    with AccountsGateway({"server": {"alerts": ALERTS}}, sqlite_url) as gateway:
        worker = gateway.worker
        gateway.run(worker.services.alerts.close())
        write_calls(gateway, [make_call(number, time=time.time()) for number in range(5)])
        soon = time.time() + 2 * LEASE_SECONDS  # all are due then
        gateway.run(
            Evaluator(worker.database, lambda: worker.configuration.server, lambda: None, now=lambda: soon).check()
        )
        yield gateway


def test_alerts_are_shown_to_viewers(gateway):
    """
    Those that fire first, with the units of their metrics; markup in the settings is text.
    """
    vera = Browser(gateway, *gateway.open_page("vera"))
    page = vera.get(PATH)
    rows = [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in page.body.decode().split("<tr>")[2:]]
    part = vera.get(PATH, hx_request="true")

    assert "too-many Calls of 5 min firing since" in rows[0]
    assert "5 above 4 3.60 or below 5" in rows[0]
    assert "errors Error rate of 1 h ok 0 % above 5 % for 1 min, with 10 calls 4.5 % or below 5" in " ".join(rows[1:])
    assert b"<b>" not in page.body
    assert "team <b>red</b>" in read(page).replace("&lt;", "<")
    assert b"subject=too-many" in page.body
    assert b"<html" not in part.body
    assert b"too-many" in part.body


def test_without_rules_the_view_says_how_to_add_one(gateway):
    """
    Changed settings apply without a restart.
    """
    gateway.settings["server"]["alerts"] = {}
    gateway.run(gateway.worker.reload())

    assert "[server.alerts.failures]" in read(Browser(gateway, *gateway.open_page("vera")).get(PATH))
