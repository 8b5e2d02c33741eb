"""
The routes under ``/v1``, and that for inference under ``/api``, in the OpenAPI document. FastAPI does not serve them.

The schemas have what every request needs, and the fields that the gateway reads itself. Further fields are those of the
API that a route belongs to; the documents of OpenAI and Anthropic describe them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from budwood_server.api.access import Require
from budwood_server.api.pattern_words import PRINTABLE_PATTERN
from budwood_server.api_models.run import RunBody, RunReply
from budwood_server.idempotency.replies import HEADER, KEY_DESCRIPTION, MAX_KEY
from budwood_server.routes.table import ROUTES, RUN, Route

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.dependencies.models import Dependant
    from starlette.routing import BaseRoute

Schema = dict[str, Any]

ERRORS: Final = (400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 502, 503, 504)
"""The statuses of errors of every route."""

_BODY_ERRORS: Final = (408, 413)
SCOPE: Final = "x-budwood-scope"
"""The field of an operation that names what the key or the account must be allowed to do."""

_JSON: Final = "application/json"
_FORM: Final = "multipart/form-data"
_EVENTS: Final = "text/event-stream"
_TEXT: Final[Schema] = {"type": "string"}
_BINARY: Final[Schema] = {"type": "string", "format": "binary"}
_OPTIONS: Final[Schema] = {
    "type": "object",
    "description": "Options of Budwood: cache, label, fallbacks, routing, timeout, on_unsupported, prompt, variables.",
}


def _refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str = "", **properties: Schema) -> Schema:
    return (
        {"type": "object", "required": required.split(), "properties": properties} if required else {"type": "object"}
    )


def _request(required: str = "model", **properties: Schema) -> Schema:
    return _object(required, model=_TEXT, budwood=_OPTIONS, **properties)


_ARRAY: Final[Schema] = {"type": "array", "items": {"type": "object"}}
_TEXTS: Final[Schema] = {"oneOf": [_TEXT, {"type": "array"}]}
_STREAM: Final[Schema] = {"type": "boolean"}

_REQUESTS: Final[dict[str, Schema]] = {
    "/v1/chat/completions": _request("model", messages=_ARRAY, stream=_STREAM),
    "/v1/completions": _request("model prompt", prompt=_TEXTS, stream=_STREAM),
    "/v1/embeddings": _request("model input", input=_TEXTS),
    "/v1/moderations": _request("input", input=_TEXTS),
    "/v1/responses": _request("model", input=_TEXTS, stream=_STREAM),
    "/v1/responses/input_tokens": _request("model", input=_TEXTS),
    "/v1/images/generations": _request("model prompt", prompt=_TEXT, stream=_STREAM),
    "/v1/audio/speech": _request("model input voice", input=_TEXT, voice={}),
    "/v1/messages": _request("model max_tokens", messages=_ARRAY, max_tokens={"type": "integer"}, stream=_STREAM),
    "/v1/batches": _object("input_file_id endpoint", input_file_id=_TEXT, endpoint=_TEXT),
    "/v1/messages/count_tokens": _request("model", messages=_ARRAY),
    RUN: _refer("RunBody"),
}
_FORMS: Final[dict[str, Schema]] = {
    "/v1/images/edits": _request("model image prompt", image=_BINARY, prompt=_TEXT),
    "/v1/images/variations": _request("model image", image=_BINARY),
    "/v1/audio/transcriptions": _request("model file", file=_BINARY),
    "/v1/audio/translations": _request("model file", file=_BINARY),
    "/v1/files": _object("file purpose", file=_BINARY, purpose=_TEXT),
}
_STREAMED: Final = frozenset(
    path for path, schema in (_REQUESTS | _FORMS).items() if "stream" in schema.get("properties", {})
) | {RUN, "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/images/edits"}
_IDEMPOTENCY_KEY: Final[Schema] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": PRINTABLE_PATTERN},
    "description": f"{KEY_DESCRIPTION} Not for streams.",
}
_REPLIES: Final[dict[str, Schema]] = {RUN: _refer("RunReply")}
_OTHER_CONTENT: Final[dict[str, Schema]] = {
    "/v1/audio/speech": {"audio/*": {"schema": _BINARY}},
    "/v1/audio/transcriptions": {"text/plain": {"schema": _TEXT}},
    "/v1/audio/translations": {"text/plain": {"schema": _TEXT}},
    "/v1/files/{file_id}/content": {"application/octet-stream": {"schema": _BINARY}},
}

_DETAILS: Final[Schema] = {
    "message": _TEXT,
    "type": _TEXT,
    "param": {"type": ["string", "null"]},
    "code": {"type": ["string", "null"]},
    "hint": {"type": ["string", "null"]},
}
_ERROR_NAMES: Final = {"openai": "OpenAIError", "anthropic": "AnthropicError", "budwood": "ErrorReply"}
_RUN_SCHEMAS: Final[Schema] = models_json_schema(
    [(RunBody, "validation"), (RunReply, "serialization")], ref_template=_refer("{model}")["$ref"]
)[1]["$defs"]
_SCHEMAS: Final[dict[str, Schema]] = {
    "OpenAIError": _object("error", error=_object("message type param code", **_DETAILS, request_id=_TEXT)),
    "AnthropicError": _object(
        "type error request_id",
        type={"const": "error"},
        error=_object("type message", **_DETAILS),
        request_id={"type": ["string", "null"]},
    ),
    "Readiness": _object("status checks", status={"enum": ["ready", "not ready"]}, checks={"type": "object"}),
}


_MONITORING: Final[dict[str, tuple[str, dict[int, Schema], tuple[int, ...]]]] = {
    "/livez": ("Tell that the process answers.", {200: {_JSON: {"schema": {"type": "object"}}}}, ()),
    "/readyz": (
        "Tell whether requests can be answered: the database, Redis if it is configured, and the configuration.",
        {status: {_JSON: {"schema": {"$ref": "#/components/schemas/Readiness"}}} for status in (200, 503)},
        (),
    ),
    "/metrics": (
        'Return the metrics of all workers for Prometheus. It needs a key for telemetry, unless metrics is "open".',
        {200: {"text/plain": {"schema": _TEXT}}},
        (401, 403, 404, 503),
    ),
}
"""The description, the replies and the statuses of errors of each route of `budwood_server.monitoring`."""


def add_routes(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """
    Have an application of FastAPI describe the routes that thin handlers answer, too.

    Args:
        app: The application.
        routes: The routes that FastAPI serves.
    """

    def describe() -> Schema:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(_SCHEMAS | _RUN_SCHEMAS)
            _add_body_errors(document)
            components.setdefault("securitySchemes", {})["bearer"] = {"type": "http", "scheme": "bearer"}
            for path in _MONITORING:
                document["paths"][path] = {"get": _describe_monitoring(path)}
            for route in ROUTES:
                path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
                document["paths"].setdefault(path, {})[route.method.lower()] = _describe(route, path)
            for served in routes:
                if isinstance(served, APIRoute):
                    _complete(document, served)
            for name in ("HTTPValidationError", "ValidationError"):  # an invalid value is a 400
                components["schemas"].pop(name, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # as FastAPI documents it


def _describe_monitoring(path: str) -> Schema:
    summary, replies, errors = _MONITORING[path]
    error = {_JSON: {"schema": {"$ref": "#/components/schemas/ErrorReply"}}}
    contents = replies | dict.fromkeys(errors, error)
    operation: Schema = {
        "operationId": f"get_{path.strip('/')}",
        "tags": ["health"],
        "summary": summary,
        "responses": {
            str(status): {"description": HTTPStatus(status).phrase, "content": content}
            for status, content in contents.items()
        },
    }
    return operation | ({"security": [{"bearer": []}]} if 401 in errors else {})


def _add_body_errors(document: Schema) -> None:
    """Add the errors of bodies that are too large or too slow, which are read before FastAPI sees the request."""
    content = {_JSON: {"schema": _refer("ErrorReply")}}
    for operation in (each for operations in document["paths"].values() for each in operations.values()):
        if "requestBody" in operation:
            for status in _BODY_ERRORS:
                operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase, "content": content}


def _complete(document: Schema, route: APIRoute) -> None:
    """Describe what FastAPI does not know: the scope, and that an invalid value is a 400 in the form of all errors."""
    for method in route.methods or ():
        operation = document["paths"].get(route.path, {}).get(method.lower())
        if operation is not None:
            operation["responses"].pop("422", None)
            if (scope := _find_scope(route.dependant)) is not None:
                operation[SCOPE] = scope


def _find_scope(dependant: Dependant) -> str | None:
    """Return the scope that a dependency of a route, or one of its own, requires."""
    if isinstance(dependant.call, Require):
        return dependant.call.scope
    return next((scope for each in dependant.dependencies if (scope := _find_scope(each)) is not None), None)


def _describe(route: Route, path: str) -> Schema:
    operation: Schema = {
        "operationId": re.sub(r"\W+", "_", f"{route.method}_{path}").strip("_").lower(),
        "tags": ["run" if path == RUN else route.api or "models"],
        "security": [{"bearer": []}],
        SCOPE: route.scope,
        "responses": _describe_responses(route, path),
    }
    if names := re.findall(r"\{(\w+)\}", path):
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    if path == RUN:
        operation["parameters"] = [_IDEMPOTENCY_KEY]
    if route.method == "POST":
        content = {
            media_type: {"schema": schemas[path]}
            for media_type, schemas in ((_JSON, _REQUESTS), (_FORM, _FORMS))
            if path in schemas
        }
        if content:
            operation["requestBody"] = {"required": True, "content": content}
    return operation


def _describe_responses(route: Route, path: str) -> Schema:
    content: Schema = {_JSON: {"schema": _REPLIES.get(path, {"type": "object"})}}
    if route.method == "POST":
        content |= {_EVENTS: {"schema": _TEXT}} if path in _STREAMED else {}
    content |= _OTHER_CONTENT.get(path, {})
    apis = (route.api,) if route.api else ("openai", "anthropic")
    forms = [_refer(_ERROR_NAMES[api]) for api in apis]
    error = forms[0] if len(forms) == 1 else {"oneOf": forms}
    return {"200": {"description": "The reply.", "content": content}} | {
        str(status): {"description": HTTPStatus(status).phrase, "content": {_JSON: {"schema": error}}}
        for status in (*ERRORS, *((HTTPStatus.CONFLICT,) if path == RUN else ()))
    }
