"""The OpenAPI document of the server."""

from __future__ import annotations

import json
import re

import pytest

from budwood import Settings
from budwood_server.app import create_app
from budwood_server.gateway.errors import _KINDS
from budwood_server.openapi import ERRORS, SCOPE
from budwood_server.routes.table import ROUTES, RUN
from budwood_server.worker import Worker
from tests.plugins.server.in_process import Gateway


@pytest.fixture(scope="module")
def document():
    """
    The document, as clients receive it.
    """
    worker = Worker(lambda: Settings.load({}), authenticate=lambda _: None)
    return json.loads(json.dumps(create_app(worker).rest.openapi()))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_is_described(document, route):
    """
    Its parameters, its body, its key and its errors.
    """
    operation = document["paths"][re.sub(r":\w+\}", "}", route.path)][route.method.lower()]

    assert operation["security"] == [{"bearer": []}]
    conflict, header = ([409], ["idempotency-key"]) if route.path == RUN else ([], [])
    assert {int(status) for status in operation["responses"]} == {200, *ERRORS, *conflict}
    assert [p["name"] for p in operation.get("parameters", ())] == re.findall(r"\{(\w+)", route.path) + header
    if route.method == "POST" and "{" not in route.path:
        assert operation["requestBody"]["content"]


def test_every_status_of_an_error_is_documented():
    """
    Clients that are generated from the document know all of them.
    """
    assert {status for _, status, _, _ in _KINDS} <= set(ERRORS)


def test_references_and_operations_are_valid(document):
    """
    Each reference has a target, and each id of an operation is unique.
    """
    schemas = document["components"]["schemas"]
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]

    assert set(references) <= set(schemas)
    assert len(operations) == len(set(operations))
    assert {"/livez", "/readyz", "/metrics", "/api/config", "/api/config/reload"} <= set(document["paths"])


def test_other_methods_of_a_fixed_path_are_refused():
    """
    Also if the path looks like that of an object: the reply lists the methods that the document has.
    """
    gateway = Gateway({})
    answers = [gateway.send("DELETE", "/api/runs/documents", b""), gateway.send("GET", "/api/tokens/rewrap", b"")]
    answers.append(gateway.send("OPTIONS", "/api/tokens/rewrap", b""))

    assert [answer.status for answer in answers] == [405] * 3
    assert [answer.headers["allow"] for answer in answers] == ["GET, POST", "POST", "POST"]


def test_routes_under_api_have_scopes_and_one_form_of_errors(document):
    """
    Each route with a key names its scope, except those of every account; no error has FastAPI's own form.
    """
    operations = {
        (method, path): operation
        for path, found in document["paths"].items()
        for method, operation in found.items()
        if path.startswith("/api/")
    }

    without = sorted(path for (_, path), each in operations.items() if SCOPE not in each)
    assert [path for path in without if not path.startswith("/api/auth/")] == []
    assert operations["post", "/api/keys"][SCOPE] == "keys:write"
    assert not any("422" in each["responses"] for each in operations.values())
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_schemas_of_thin_handlers_have_names_of_their_own(document):
    """
    None replaces one of FastAPI.
    """
    body = document["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]

    assert "specification" in schema["properties"]
