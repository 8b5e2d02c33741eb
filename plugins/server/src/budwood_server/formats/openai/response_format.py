"""
Read ``response_format``.

The API has no validation: a reply that does not satisfy the schema is answered as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood_server.formats.schemas import check_patterns
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

_ANY_OBJECT: Final = {"type": "object"}
_FIELD: Final = "response_format"


class ResponseFormat(NamedTuple):
    """
    The format of the reply.

    Attributes:
        options: The options of the call, for vendors of other APIs.
        extra: What a vendor of OpenAI's API gets.
    """

    options: dict[str, Any]
    extra: dict[str, Any]


def read_response_format(value: object, plan: CallPlan, *, is_native: bool) -> ResponseFormat:
    """
    Read the field.

    Args:
        value: The field.
        plan: The plan of the call.
        is_native: Whether the request is sent to Chat Completions, which gets the field unchanged.

    Raises:
        ProblemError: It is not valid, and not the vendor's to judge.
    """
    schema, is_text = _find_schema(value), isinstance(value, dict) and value.get("type") == "text"
    if schema is None and not is_text and not is_native:
        raise reject(
            "The field 'response_format' must have the type 'text', 'json_object' or 'json_schema'.", param=_FIELD
        )
    if plan.api != "openai":
        return ResponseFormat(_make_options(schema), {})
    extra: dict[str, Any] = {_FIELD: value}
    if not is_native and isinstance(value, dict):
        extra = {"text": {"format": _flatten(value)}}
    return ResponseFormat(_make_options(schema) if plan.fallbacks else {}, extra)


def _make_options(schema: dict[str, Any] | None) -> dict[str, Any]:
    return {} if schema is None else {"schema": check_patterns(schema, _FIELD), "repairs": 0}


def merge_format(extra: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent for a format, beside other settings of the text (``verbosity``)."""
    return {name: {**extra[name], **value} if name in extra else value for name, value in found.items()}


def _flatten(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a format in the form of Responses, whose schema is one level higher."""
    inner = value.get("json_schema")
    return {"type": "json_schema", **inner} if isinstance(inner, dict) else dict(value)


def _find_schema(value: object) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    if value.get("type") == "json_object":
        return _ANY_OBJECT
    inner = value.get("json_schema")
    if value.get("type") != "json_schema" or not isinstance(inner, dict):
        return None
    schema = inner.get("schema", _ANY_OBJECT)
    if not isinstance(schema, dict):
        return None
    return schema if "title" in schema or not inner.get("name") else {"title": inner["name"], **schema}
