"""Objects in the account at the vendor that requests name by ids which this server did not give out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood_server.web.problems import ProblemError, reject

_FIELDS: Final = ("conversation", "prompt", "container")
_OF_TOOLS: Final = ("vector_store_ids", "container")
_GENERATED: Final = "auto"
"""The type of a container that the vendor creates for the request."""


def refuse_vendor_objects(body: Mapping[str, Any]) -> None:
    """
    Refuse a request that names an object of the vendor's account, which may belong to someone else.

    Args:
        body: The body of a request to the Responses API or the Messages API.

    Raises:
        ProblemError: It names one.
    """
    for field in find_vendor_objects(body):
        raise _refuse(field)


def find_vendor_objects(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields that name conversations, prompts, containers, vector stores, and items of earlier replies."""
    yield from (name for name in _FIELDS if _has_id(body.get(name)))
    for number, tool in enumerate(_list(body.get("tools"))):
        yield from (f"tools[{number}].{name}" for name in _OF_TOOLS if _has_id(tool.get(name)))
    yield from (f"input[{number}]" for number, item in enumerate(_list(body.get("input"))) if _is_reference(item))


def _list(value: object) -> list[Mapping[str, Any]]:
    """Return a list of objects; whatever is none counts as an empty one."""
    return [each if isinstance(each, Mapping) else {} for each in value] if isinstance(value, list) else []


def _has_id(value: object) -> bool:
    if isinstance(value, Mapping):
        return value.get("type") != _GENERATED and bool(value.get("id"))
    return bool(value)


def _is_reference(item: Mapping[str, Any]) -> bool:
    """Tell whether an item has its content at the vendor, also reasoning without what it contains."""
    kind = item.get("type")
    if kind == "reasoning":
        return not item.get("encrypted_content")
    return kind == "item_reference" or (kind is None and "id" in item and "role" not in item)


def _refuse(field: str) -> ProblemError:
    return reject(
        f"The field {field!r} names an object in the account at the vendor, and this server does not know whose it is.",
        param=field,
        code="vendor_object",
        hint="Send its content, or ask the operator to allow it: vendor_objects = true in [server].",
        status=403,
    )
