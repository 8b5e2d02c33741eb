"""
Write the page about the routes under ``/api`` from the OpenAPI document of the gateway.

.. code-block:: console

    $ python docs/reference/gateway_api.py           # writes gateway-api.md
    $ python docs/reference/gateway_api.py --check   # exits with status 1 if the page is out of date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from budwood import Settings
from budwood_server.app import create_app
from budwood_server.openapi import SCOPE
from budwood_server.worker import Worker

PAGE: Final = Path(__file__).with_name("gateway-api.md")
PREFIX: Final = "/api/"
HEAD: Final = """# Routes of the gateway under /api

This page is generated from the OpenAPI document, which each server has at `/openapi.json`; `/docs` shows it as a page.
The [guide of the gateway](../guides/gateway.md) describes the routes under `/v1`.

A request sends an API key or the access token of a login as `Authorization: Bearer …`. Errors have one form:
`{"error": {"code", "message", "hint", "request_id"}}`. Lists come in pages: `{"items": […], "next_cursor": …}`; the
next request sends `next_cursor` as `cursor`, and `null` ends the list. A `POST` that creates or acts takes the header
`idempotency-key`: for 24 hours, the same request with the same key gets the first reply.

A moment is a text in ISO 8601. In replies it is in UTC with `Z`, such as `2026-11-12T09:31:00Z` or, with microseconds,
`2026-11-12T09:31:00.250000Z`.
"""

Schema = Mapping[str, Any]


def main() -> None:
    """Write the page, or compare it."""
    page = format_page(load_document())
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, "utf-8")
    elif page != (PAGE.read_text("utf-8") if PAGE.exists() else ""):
        raise SystemExit("docs/reference/gateway-api.md is out of date: run `nox -s reference`.")


def load_document() -> Schema:
    """Return the OpenAPI document of the gateway."""
    worker = Worker(lambda: Settings.load({}, environment={}), authenticate=lambda _: None)
    document: Schema = create_app(worker).rest.openapi()
    return document


def format_page(document: Schema) -> str:
    """Return the page: a section for each tag, with a part for each route."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items() if path.startswith(PREFIX) else ():
            parts = format_operation(method.upper(), path, operation, document["components"]["schemas"])
            sections.setdefault(operation["tags"][0], []).append("\n\n".join(parts))
    text = [f"## {tag.capitalize()}\n\n" + "\n\n".join(found) for tag, found in sections.items()]
    return "\n\n".join([HEAD.strip(), *text]) + "\n"


def format_operation(method: str, path: str, operation: Schema, schemas: Schema) -> Iterator[str]:
    """Return the paragraphs of a route."""
    yield f"### {method} {path}"
    scope = operation.get(SCOPE)
    yield wrap(operation.get("description", "")) + (f"\n\nScope: `{scope}`." if scope else "")
    names = [f"`{each['name']}`{describe_parameter(each)}" for each in operation.get("parameters", ())]
    if names:
        yield "Parameters:\n\n" + "\n".join(f"- {name}" for name in names)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from format_fields("Body" if "json" in media_type else f"Body, {media_type}", content["schema"], schemas)
    errors = [status for status in operation["responses"] if int(status) >= 400]
    for status, reply in operation["responses"].items():
        if int(status) < 400:
            for media_type, content in reply.get("content", {}).items() or [("", {})]:
                title = f"Reply {status}" + ("" if "json" in media_type or not media_type else f", {media_type}")
                yield from format_fields(title, content.get("schema", {}), schemas)
    yield f"Errors: {', '.join(sorted(errors))}."


def describe_parameter(parameter: Schema) -> str:
    """Return the place, the type and the meaning of a parameter."""
    schema = parameter["schema"]
    place = {"path": "in the path", "header": "header", "query": "query"}[parameter["in"]]
    default = f", default {schema['default']}" if schema.get("default") not in (None, "") else ""
    required = ", required" if parameter.get("required") and parameter["in"] != "path" else ""
    text = parameter.get("description", "")
    return f" ({place}, {format_type(schema)}{default}{required})" + (f": {text}" if text else "")


def format_fields(title: str, schema: Schema, schemas: Schema) -> Iterator[str]:
    """Return the fields of a body: as a list if it is an object, else its type."""
    schema = resolve(schema, schemas)
    items = schema.get("properties", {}).get("items", {}).get("items")
    if "next_cursor" in schema.get("properties", {}) and items is not None:
        title, schema = f"{title}, a page of", resolve(items, schemas)
    properties = schema.get("properties")
    if not properties:
        yield f"{title}{': ' + format_type(schema) if schema else ' without a body'}."
        return
    meanings = read_attributes(schema.get("description", ""))
    required = schema.get("required", ())
    rows = []
    for name, field in properties.items():
        text = field.get("description") or meanings.get(name, "")
        optional = "" if name in required or title.startswith("Reply") else ", optional"
        rows.append(f"- `{name}` ({format_type(field)}{optional})" + (f": {' '.join(text.split())}" if text else ""))
    yield f"{title}:\n\n" + "\n".join(rows)


def resolve(schema: Schema, schemas: Schema) -> Schema:
    """Return the schema that a reference names."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def format_type(schema: Schema) -> str:
    """Return the type of a field in a few words."""
    if "$ref" in schema:
        return re.sub(r"_(Input|Output)$", "", schema["$ref"].rpartition("/")[2])
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(format_type(each) for each in options))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {format_type(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        return "moment"
    kind = schema.get("type", "any")
    return kind if isinstance(kind, str) else " or ".join(kind)


def read_attributes(docstring: str) -> dict[str, str]:
    """Return the attributes that a docstring describes."""
    _, _, text = docstring.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if match := re.match(r"\s{0,4}(\w+): (.*)", line):
            name = match[1]
            found[name] = match[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return {name: text.replace("``", "`") for name, text in found.items()}


def wrap(text: str) -> str:
    """Return the first part of a docstring as Markdown."""
    text = re.split(r"\n\s*(?:Args|Returns|Raises|Attributes):", text)[0]
    return re.sub(r"\s*\n\s*", " ", text.strip()).replace("``", "`")


if __name__ == "__main__":
    main()
