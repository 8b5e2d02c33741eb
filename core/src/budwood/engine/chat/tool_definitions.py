"""
Parse tools that are dictionaries. They have no function: the caller runs their calls.

Sources: ``ChatCompletionTool`` and ``FunctionTool`` in the descriptions of Chat Completions and Responses; ``Tool`` in
that of the Messages API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from budwood.engine.chat.json_schemas import with_typed_root
from budwood.errors import ConfigurationError
from budwood.types import ToolDefinition

_FORM: Final = '{"type": "function", "function": {"name": …, "description": …, "parameters": {…}}}'
_MODELLED: Final = frozenset({"type", "name", "description", "parameters", "input_schema", "strict", "cache_control"})


def parse_definition(source: Mapping[str, Any]) -> ToolDefinition:
    """
    Parse the definition of a tool.

    Raises:
        ConfigurationError: It is not valid, or the tool runs at its vendor.
    """
    kind = source.get("type", "function")
    if kind not in ("function", "custom"):
        raise ConfigurationError(
            f"A tool of the type {kind!r} runs at its vendor.",
            hint="Pass vendor_tools=[VendorTool(provider=…, data={…})].",
        )
    function = source.get("function", source)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ConfigurationError("A tool that is a dictionary needs a name.", hint=f"Write it as {_FORM}.")
    mark = source.get("cache_control")
    parameters = function.get("parameters") or function.get("input_schema") or _NO_PARAMETERS
    if isinstance(parameters, dict):
        parameters = {"type": "object", **with_typed_root(parameters)}  # arguments are always an object
    try:
        return ToolDefinition(
            name=function["name"],
            description=function.get("description") or "",
            parameters=parameters,
            strict=function.get("strict"),
            cache=mark.get("ttl", "default") if isinstance(mark, Mapping) else mark,
            extra={name: value for name, value in function.items() if name not in _MODELLED},
        )
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = ".".join(map(str, detail["loc"]))
        raise ConfigurationError(
            f"The tool {function['name']!r} is not valid: {location}: {detail['msg']}.", hint=f"Write it as {_FORM}."
        ) from None


_NO_PARAMETERS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
