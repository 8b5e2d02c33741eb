"""The routes under ``/v1``."""

from __future__ import annotations

import pytest

from budwood_server.routes.table import ROUTES, Route, RouteTable

TABLE = RouteTable(
    [
        Route("GET", "/v1/things", "x:list"),
        Route("POST", "/v1/things", "x:create"),
        Route("GET", "/v1/things/{id}", "x:get"),
        Route("GET", "/v1/things/{id}/content", "x:content"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "target", "parameters"),
    [
        ("GET", "/v1/things", "x:list", {}),
        ("HEAD", "/v1/things", "x:list", {}),
        ("POST", "/v1/things", "x:create", {}),
        ("GET", "/v1/things/a.b", "x:get", {"id": "a.b"}),
        ("GET", "/v1/things/a/content", "x:content", {"id": "a"}),
    ],
)
def test_routes_are_found(method, path, target, parameters):
    """
    A route is found by method and path; parts in braces vary.
    """
    match = TABLE.find(method, path)

    assert match.route.target == target
    assert match.parameters == parameters


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/things", {"GET", "POST"}),
        ("/v1/things/a", {"GET"}),
        ("/v1/things/", set()),
        ("/v1/things/a/b", set()),
        ("/v1/things/a/content/", set()),
    ],
)
def test_other_methods_and_paths_have_no_route(path, allowed):
    """
    Another method of a path is told from an unknown path.
    """
    match = TABLE.find("DELETE", path)

    assert match.route is None
    assert match.allowed == allowed


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_handler_exists(route):
    """
    The handler of each route can be imported.
    """
    assert callable(route.load())
