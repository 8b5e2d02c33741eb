"""``/api/alerts``, ``budwood server alerts`` and the metrics of alerts."""

from __future__ import annotations

import json
import time

import pytest

from budwood_cli.program import run as run_program
from budwood_server.access.keys import ADMIN, TELEMETRY
from budwood_server.alerts.evaluator import Evaluator
from budwood_server.alerts.store import LEASE_SECONDS
from budwood_server.client import GatewayClient
from tests.plugins.server.alerts.alarmed import ERRORS
from tests.plugins.server.client.conftest import ServedGateway
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.telemetry_calls import make_call, write_calls

ALERTS = {"errors": ERRORS, "red-calls": {"metric": "calls", "above": 1, "team": "red", "to": []}}


@pytest.fixture
def gateway(sqlite_url):
    """
    A gateway with two alerts, of which one fires.
    """
    settings = {"server": {"models": {"fast": "offline/extractive"}, "alerts": ALERTS, "metrics": "open"}}
    with KeyedGateway(settings, sqlite_url) as gateway:
        gateway.keys["everything"] = gateway.create_key(scopes={TELEMETRY, ADMIN})
        gateway.keys["red"] = gateway.create_key(scopes={TELEMETRY}, team="red")
        gateway.run(gateway.worker.services.alerts.close())
        write_calls(gateway, [make_call(number, time=time.time()) for number in range(5)])
        check(gateway)
        yield gateway


def check(gateway, seconds=2 * LEASE_SECONDS):
    """
    Check the alerts some seconds from now, as another process does. The worker's own checks have ended.
    """
    worker = gateway.worker
    later = Evaluator(
        worker.database, lambda: worker.configuration.server, lambda: None, now=lambda: time.time() + seconds
    )
    gateway.run(later.check())


def read(gateway, key="everything"):
    """
    Return the alerts that a key sees.
    """
    answer = gateway.send("GET", "/api/alerts", gateway.keys[key])
    assert answer.status == 200, answer.body
    return {alert.pop("name"): alert for alert in answer.json["alerts"]}


def test_alerts_are_listed_with_their_states(gateway):
    """
    Those of the settings, by name.
    """
    found = read(gateway)

    assert [*found] == ["errors", "red-calls"]
    errors, calls = found.values()
    assert (errors["state"], errors["since"], errors["value"], errors["calls"]) == ("ok", None, 0.0, 5)
    assert (calls["state"], calls["value"], calls["threshold"], calls["condition"]) == ("firing", 5.0, 1.0, "above")
    assert calls["filters"] == {"team": "red"}
    assert calls["since"] == calls["checked"]


def test_key_of_a_team_sees_the_alerts_of_its_calls(gateway):
    """
    The other values would tell it about calls of other teams.
    """
    assert [*read(gateway, "red")] == ["red-calls"]
    assert read(gateway, "telemetry") == {}
    assert gateway.send("GET", "/api/alerts", gateway.keys["admin"]).status == 403


def test_changed_settings_apply(gateway):
    """
    After a reload, without a restart.
    """
    gateway.settings["server"]["alerts"] = {"red-calls": ALERTS["red-calls"] | {"above": 100}, "new": ERRORS}
    gateway.run(gateway.worker.reload())
    assert {name: alert["checked"] is None for name, alert in read(gateway).items()} == {
        "new": True,
        "red-calls": False,
    }
    check(gateway, 3 * LEASE_SECONDS)
    assert {name: alert["state"] for name, alert in read(gateway).items()} == {"new": "ok", "red-calls": "ok"}


def test_metrics_have_alerts(gateway):
    """
    One series for each rule.
    """
    lines = gateway.send("GET", "/metrics", "").body.decode().splitlines()

    assert 'budwood_alert_firing{rule="errors"} 0.0' in lines
    assert 'budwood_alert_firing{rule="red-calls"} 1.0' in lines


def test_command_lists_alerts(gateway, sqlite_url, monkeypatch, capsys):
    """
    As a table or as JSON.
    """
    monkeypatch.setenv("BUDWOOD_SERVER__DATABASE", sqlite_url)
    monkeypatch.setenv("BUDWOOD_SERVER__ALERTS", json.dumps(ALERTS))

    assert run_program(["server", "alerts"]) == 0
    table = capsys.readouterr().out
    assert run_program(["server", "alerts", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert table.splitlines()[0].split()[:4] == ["name", "state", "since", "value"]
    assert "calls above 1" in table
    assert [(alert["name"], alert["state"]) for alert in found] == [("errors", "ok"), ("red-calls", "firing")]


def test_client_lists_alerts(tmp_path):
    """
    With what the server says about them.
    """
    with ServedGateway(tmp_path) as gateway, GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        assert client.alerts.list().alerts == []
