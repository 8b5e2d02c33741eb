"""The options of a call of Budwood, from the fields of a component and the arguments of LangChain's call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from budwood import AskOptions, ConfigurationError

_RENAMED: Final = {"max_retries": "retries", "stop_sequences": "stop"}
"""Names of LangChain, and ours."""

_OF_LANGCHAIN: Final = frozenset({"stream", "stream_usage", "ls_structured_output_format"})
"""Arguments with which LangChain controls itself; the usage of streams is always reported."""


def make_options(*sources: Mapping[str, Any]) -> AskOptions:
    """
    Combine options. Those of later sources take precedence; None counts as not passed.

    Raises:
        ConfigurationError: ``response_format`` has an unknown form. Unknown options raise it when the call starts.
    """
    options: dict[str, Any] = {}
    for source in sources:
        options |= {
            _RENAMED.get(name, name): value
            for name, value in source.items()
            if value is not None and name not in _OF_LANGCHAIN
        }
    response_format = options.pop("response_format", None)
    if response_format is not None:
        options["schema"] = read_response_format(response_format)
        if isinstance(response_format, Mapping) and response_format.get("type") == "json_object":
            options.setdefault("schema_mode", "prompt")  # many vendors cannot enforce a schema without properties
    return cast("AskOptions", options)


def read_response_format(response_format: object) -> Any:
    """
    Return the schema of OpenAI's parameter ``response_format``, which LangChain's agents pass; a type is returned.

    Raises:
        ConfigurationError: It has an unknown form.
    """
    if not isinstance(response_format, Mapping):
        return response_format
    match response_format:
        case {"type": "json_object"}:
            return {"type": "object"}
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema, **rest}}:
            return {"title": rest.get("name", "output"), **schema}
        case _:
            raise ConfigurationError(
                "response_format has an unknown form.",
                hint='Pass schema=…, or {"type": "json_schema", "json_schema": {"name": …, "schema": {…}}}.',
            )
