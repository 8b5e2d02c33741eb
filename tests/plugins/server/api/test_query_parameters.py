"""Parameters in the query that a route does not have."""

from __future__ import annotations

import pytest

from tests.plugins.server.keyed_gateway import KeyedGateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with a database.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('parameters')}/server.sqlite3"
    with KeyedGateway({"server": {"models": {"demo": "offline/extractive"}}}, url) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("path", "name", "hint"),
    [
        ("/api/telemetry/calls?modle=demo", "modle", "model"),
        ("/api/telemetry/calls.csv?by=team", "by", "tag"),
        ("/api/telemetry/totals?by=team&limits=5", "limits", "limit"),
        ("/api/telemetry/series?Period=day", "Period", "period"),
        ("/api/keys?Limit=1", "Limit", "limit"),
        ("/api/keys?%C3%A9%00=1", "é", "cursor"),
        ("/api/auth/me?x", "x", "none"),
    ],
)
def test_unknown_parameters_are_refused(gateway, path, name, hint):
    """
    A mistyped filter does not select everything: the error names it, and similar names or all.
    """
    answer = gateway.send("GET", path, gateway.keys["admin"])
    error = answer.json["error"]

    assert (answer.status, error["code"]) == (400, "unknown_parameter")
    assert name in error["message"]
    assert hint in error["hint"]


def test_parameters_of_dependencies_are_known(gateway):
    """
    Those for pages and filters, too.
    """
    query = "model=demo&tag=team%3Dred&limit=1&by=team&order=calls"

    assert gateway.send("GET", f"/api/telemetry/totals?{query}", gateway.keys["telemetry"]).status == 200
    assert gateway.send("GET", "/api/keys?limit=1", gateway.keys["admin"]).status == 200
