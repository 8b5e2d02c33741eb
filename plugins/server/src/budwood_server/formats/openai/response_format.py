"""
Read ``response_format``.

The API has no validation: a reply that does not satisfy the schema is answered as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

_ANY_OBJECT: Final = {"type": "object"}
_FIELD: Final = "response_format"


def read_response_format(value: object, plan: CallPlan, *, is_native: bool) -> dict[str, Any]:
    """
    Return the options for a format of the reply.

    Args:
        value: The field.
        plan: The plan of the call.
        is_native: Whether the field itself is sent to the vendor. Then only fallbacks to another API need the options.

    Raises:
        ProblemError: It is not valid, and not the vendor's to judge.
    """
    if is_native and not plan.fallbacks:
        return {}
    schema = _find_schema(value)
    if schema is None:
        if is_native or (isinstance(value, dict) and value.get("type") == "text"):
            return {}
        raise reject(
            "The field 'response_format' must have the type 'text', 'json_object' or 'json_schema'.", param=_FIELD
        )
    return {"schema": schema, "repairs": 0}


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
