"""The JSON schema of the rows of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.types.record import JSON
from budwood_generation.reasoning import REASONING
from budwood_generation.spec import ConversationSpec, GenerationSpec

_TEXT: Final[JSON] = {"type": "string"}
_TEXTS: Final[JSON] = {"type": "array", "items": {"type": "string"}}
_DEFINITIONS: Final = ("$defs", "definitions")
"""Where a schema keeps the parts that others refer to. They stay at the top."""


def row_schema(spec: GenerationSpec) -> dict[str, JSON]:
    """Return the JSON schema of the data of a run's rows. Its properties name all fields, in the order of the rows."""
    job = spec.job
    definitions: dict[str, JSON] = {}
    fields: dict[str, JSON] = {"id": _TEXT}
    if isinstance(job, ConversationSpec):
        fields["messages"] = {
            "type": "array",
            "items": _message(has_reasoning=job.answerer_options.reasoning == "field"),
        }
    else:
        definitions = {name: _relocate(job.json_schema[name]) for name in _DEFINITIONS if name in job.json_schema}
        fields["value"] = _relocate({key: value for key, value in job.json_schema.items() if key not in _DEFINITIONS})
        if job.options.reasoning == "field":
            fields[REASONING] = _TEXT
    required: list[JSON] = [name for name in fields if name != REASONING]
    fields |= {"source": _source(), "material": {"type": "object"}, **_provenance(spec)}
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False, **definitions}


def _message(*, has_reasoning: bool) -> dict[str, JSON]:
    fields: dict[str, JSON] = {"role": _TEXT, "content": _TEXT}
    required: list[JSON] = list(fields)
    if has_reasoning:
        fields[REASONING] = _TEXT
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def _source() -> dict[str, JSON]:
    fields: dict[str, JSON] = {"document": _TEXT, "headings": _TEXTS, "passage": _TEXT}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _provenance(spec: GenerationSpec) -> dict[str, JSON]:
    if spec.provenance != "row":
        return {}
    roles: tuple[str, ...] = ("asker", "answerer") if spec.conversation else ("model",)
    models: JSON = {"type": "object", "properties": dict.fromkeys(roles, _TEXT), "additionalProperties": False}
    purposes: tuple[str, ...] = ("ask", "answer") if spec.conversation else ("value",)
    prompts: JSON = {"type": "object", "properties": dict.fromkeys(purposes, _TEXTS), "additionalProperties": False}
    fields: dict[str, JSON] = {"cell": _TEXT, "models": models, "parameters": {"type": "object"}, "prompts": prompts}
    return {
        "provenance": {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    }


def _relocate(value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Adapt the references of a schema that becomes that of the field ``value``."""
    if isinstance(value, list):
        return [_relocate(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _relocate_reference(key, item) or _relocate(item) for key, item in value.items()}


def _relocate_reference(key: str, value: object) -> str | None:
    if key != "$ref" or not isinstance(value, str) or not value.startswith("#"):
        return None
    if value != "#" and (not value.startswith("#/") or value.split("/")[1] in _DEFINITIONS):
        return value
    return f"#/properties/value{value[1:]}"
