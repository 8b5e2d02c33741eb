"""
Moments in ``/api``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from budwood import Settings
from budwood_server.api_models.moments import Moment, format_moment, from_seconds
from budwood_server.app import create_app
from budwood_server.worker import Worker

Schema = dict[str, Any]

NAME = re.compile(
    r"at|start|time|created|changed|started|finished|expires|revoked|disabled|since|until|\w+_(at|expires)"
)
"""How fields are named that have a moment."""

DESCRIPTION = re.compile(r"(When|Since when|Until when) (?!.*\bseconds\b)|.*since 1970")
AT = datetime(2026, 11, 12, 9, 31, tzinfo=UTC)


class Reply(BaseModel):
    """
    A reply with a moment.
    """

    at: Moment


@pytest.fixture(scope="module")
def document() -> Schema:
    """
    The OpenAPI document of a server.
    """
    worker = Worker(lambda: Settings.load({}, environment={}), authenticate=lambda _: None)
    return json.loads(json.dumps(create_app(worker).rest.openapi()))


def find_reply_fields(document: Schema) -> Iterator[tuple[str, Schema]]:
    """
    Return the fields of all replies under ``/api``, as ``Model.field`` with their schemas.
    """
    schemas = document["components"]["schemas"]
    replies = [
        operation["responses"]
        for path, operations in document["paths"].items()
        if path.startswith("/api/")
        for operation in operations.values()
        if isinstance(operation, dict) and "responses" in operation
    ]
    waiting, seen = [*find_names(replies)], set[str]()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        waiting += find_names(schemas[name])
        attributes = read_attributes(schemas[name].get("description", ""))
        for field, schema in schemas[name].get("properties", {}).items():
            yield f"{name}.{field}", {"description": attributes.get(field, ""), **schema}


def find_names(value: object) -> Iterator[str]:
    """
    Return the names of the schemas to which a part of the document refers.
    """
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from find_names(each)


def read_attributes(description: str) -> dict[str, str]:
    """
    Return the first line of the description of each attribute.
    """
    return dict(re.findall(r"^ *(\w+): (.+)$", description, re.MULTILINE))


def is_moment(schema: Schema) -> bool:
    """
    Tell whether a field has the form of a moment, or null.
    """
    options = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    return all((each.get("format"), each.get("pattern")) == ("date-time", "Z$") for each in options)


def test_every_moment_of_a_reply_has_the_same_form(document):
    """
    A field whose name or description is that of a moment is a `Moment`, and so is every date with a time.
    """
    fields = dict(find_reply_fields(document))
    moments = {
        name
        for name, schema in fields.items()
        if NAME.fullmatch(name.rpartition(".")[2])
        or DESCRIPTION.match(schema["description"])
        or "date-time" in str(schema)
    }

    assert {name for name in moments if not is_moment(fields[name])} == set()
    assert {"Account.created", "AuditEntry.at", "SessionReply.expires", "RunDetails.finished"} <= moments
    assert {"KeyDetails.last_used", "Call.time", "Series.since", "WorkerConfiguration.loaded_at"} <= moments


@pytest.mark.parametrize(
    "value", [AT, AT.timestamp(), "2026-11-12T09:31:00Z", "2026-11-12T10:31:00+01:00", AT.astimezone(timezone.max)]
)
def test_moments_are_shown_in_utc(value):
    """
    A moment of any offset, or in seconds since 1970, is the same text.
    """
    reply = Reply.model_validate({"at": value})

    assert reply.model_dump_json() == '{"at":"2026-11-12T09:31:00Z"}'
    assert reply.at.utcoffset() == timedelta(0)
    assert format_moment(reply.at) == "2026-11-12T09:31:00Z"


def test_moments_have_microseconds_unless_they_are_zero():
    """
    The text of JSON and that of CSV are the same.
    """
    moment = from_seconds(AT.timestamp() + 0.25)

    assert format_moment(moment) == Reply(at=moment).model_dump(mode="json")["at"] == "2026-11-12T09:31:00.250000Z"


def test_moments_without_an_offset_are_refused():
    """
    A text that may mean several moments is an error.
    """
    with pytest.raises(ValidationError, match="timezone"):
        Reply.model_validate({"at": "2026-11-12T09:31:00"})
