"""Every route of the server with keys that are missing, not valid, or for something else."""

from __future__ import annotations

import re

import pytest

from budwood_server.access.keys import ADMIN, INFER, TELEMETRY
from budwood_server.api.access import Require
from budwood_server.app import create_app
from budwood_server.people.roles import expand_scopes
from budwood_server.routes.table import ROUTES
from budwood_server.web import event_streams
from tests.plugins.server.keyed_gateway import KeyedGateway

OPEN = {
    *("GET /openapi.json", "GET /docs", "GET /docs/oauth2-redirect", "GET /redoc"),
    *("POST /api/auth/login", "POST /api/auth/refresh"),
}
"""The routes that need no key."""

SCOPES = {("GET", "/metrics"): TELEMETRY}
"""What the key must be for on routes for monitoring."""

HOLDERS = {INFER: "owner", ADMIN: "admin", TELEMETRY: "telemetry"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with keys.
    """
    settings = {"server": {"models": {"fast": "offline/extractive"}}}
    folder = tmp_path_factory.mktemp("gateway")
    with KeyedGateway(settings, f"sqlite:///{folder}/server.sqlite3") as gateway:
        yield gateway


def list_routes(gateway):
    """List all routes that need a key: method, path and what the key must be for; None if any key will do."""
    routes = SCOPES | {(route.method, route.path): route.scope for route in ROUTES}
    for route in flatten(create_app(gateway.worker).rest.routes):
        for method in sorted(route.methods - {"HEAD"}):
            if f"{method} {route.path}" not in OPEN:
                routes[method, route.path] = find_scope(route)
    return [(method, re.sub(r"\{[^}]*\}", "x", path), scope) for (method, path), scope in routes.items()]


def find_scope(route):
    """Return what the key must be for."""
    declared = {each.call.scope for each in find_dependencies(route.dependant) if isinstance(each.call, Require)}
    (scope,) = declared
    return scope


def find_dependencies(dependant):
    """Yield the dependencies of a route, also those of dependencies."""
    for each in dependant.dependencies:
        yield each
        yield from find_dependencies(each)


def test_no_route_is_left_out(gateway):
    """
    FastAPI serves no others than those in its document, and those that need no key.
    """
    rest = create_app(gateway.worker).rest
    documented = rest.openapi()["paths"]

    for route in flatten(rest.routes):
        for method in route.methods - {"HEAD"}:
            assert f"{method} {route.path}" in OPEN or method.lower() in documented.get(route.path, {})


def flatten(routes):
    """Yield routes, also those of included routers."""
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            yield from flatten(router.routes)
        else:
            yield route


@pytest.mark.parametrize("kind", ["none", "unknown", "wrong secret", "malformed", "expired", "revoked"])
def test_no_route_accepts_a_key_that_is_not_valid(gateway, kind):
    """
    The error is a 401 in the form of the API, and quotes no key.
    """
    owner = gateway.keys["owner"]
    tokens = {
        "none": "",
        "unknown": "bw_live_" + "Q" * 16 + owner[24:],
        "wrong secret": owner[:-4] + ("AAAA" if owner[-4:] != "AAAA" else "BBBB"),
        "malformed": "sk-" + owner,
    }
    token = tokens.get(kind) if kind in tokens else gateway.keys[kind]
    for method, path, _ in list_routes(gateway):
        refused = gateway.send(method, path, token)

        assert refused.status == 401, (method, path, refused.body)
        assert refused.json["error"]["message"]
        assert refused.headers["www-authenticate"] == "Bearer"
        assert token == "" or token.encode() not in refused.body


def test_no_route_accepts_a_key_for_something_else(gateway, monkeypatch):
    """
    Also an admin key cannot infer. The key that is for it is accepted.
    """
    monkeypatch.setattr(event_streams, "MAX_SECONDS", 0.0)  # else the stream of calls goes on
    for method, path, scope in list_routes(gateway):
        for held, name in HOLDERS.items():
            answer = gateway.send(method, path, gateway.keys[name])
            is_allowed = scope is None or scope in expand_scopes(frozenset({held}))

            assert (answer.status in (401, 403)) != is_allowed, (method, path, name, answer.body)
            assert is_allowed or answer.json["error"]["message"] == f"This key is not for {scope!r}."
