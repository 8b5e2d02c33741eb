"""Texts of SQL in every parameter of every operation under /api."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from budwood_server.app import create_app
from budwood_server.database.tables import metadata
from budwood_server.web import event_streams

pytestmark = pytest.mark.one_python

TEXTS = [
    "' OR '1'='1",
    "'; DROP TABLE budwood_api_keys; --",
    '" OR ""="',
    "1) OR 1=1 --",
    "x' UNION SELECT password_hash FROM budwood_accounts --",
    "$1; SELECT pg_sleep(10)",
    "%",
    "_",
    "\\'",
    "\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "é" * 300,
    "99999999999999999999",
    "-1",
]
MOST = ["'; DROP TABLE budwood_api_keys; --", "\x00"]
"""Those for every parameter: quotes, and what PostgreSQL does not accept."""


def list_requests(gateway):
    """
    Yield requests: method and target, each with a text in one parameter.
    """
    paths = create_app(gateway.worker).rest.openapi()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()) if path.startswith("/api/") else ():
                for text in MOST:
                    value = quote(text, safe="")
                    if parameter["in"] == "path":
                        target = path.replace(f"{{{parameter['name']}}}", value).replace("{", "").replace("}", "")
                        yield method.upper(), target
                    elif parameter["in"] == "query":
                        yield method.upper(), f"{path.replace('{', '').replace('}', '')}?{parameter['name']}={value}"


def count_rows(gateway):
    """
    Return the number of rows of each table.
    """
    return {name: gateway.execute(select(func.count()).select_from(table))[0][0] for name, table in TABLES.items()}


TABLES = {name: metadata.tables[name] for name in ("budwood_accounts", "budwood_api_keys", "budwood_prompts")}


def test_no_parameter_is_read_as_sql(gateway, monkeypatch):
    """
    No request fails, and none changes or shows what it should not.
    """
    monkeypatch.setattr(event_streams, "MAX_SECONDS", 0.0)
    token = gateway.log_in().json["access_token"]
    before, sent = count_rows(gateway), 0
    for method, target in list_requests(gateway):
        answer = gateway.call(method, target, None if method == "GET" else {}, token)
        sent += 1

        assert answer.status < 500, (method, target, answer)
        assert b"scrypt$" not in answer.body
    assert sent > 150
    assert count_rows(gateway) == before


def test_filters_match_texts_as_they_are(gateway):
    """
    Wildcards and quotes are characters like others.
    """
    token = gateway.log_in().json["access_token"]
    for text in TEXTS[:9]:
        for target in ("/api/keys?name=", "/api/keys?team=", "/api/keys?source=", "/api/audit?principal_id="):
            answer = gateway.call("GET", target + quote(text, safe=""), token=token)

            assert answer.status == 400 or answer.json["items"] == [], (target, text)
        login = gateway.log_in(text, text)
        assert login.status in (400, 401, 429), (text, login)
