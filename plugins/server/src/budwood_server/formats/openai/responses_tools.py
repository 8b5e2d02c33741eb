"""
Translate tools of the Responses API for vendors that do not have this API.

Source: OpenAI's API description, ``Tool`` and ``ToolChoiceParam``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood_server.formats.openai.responses_items import CUSTOM_INPUT
from budwood_server.web.problems import reject, reject_unsupported

_FUNCTION_FIELDS: Final = ("name", "description", "parameters", "strict")
_CUSTOM_PARAMETERS: Final = {
    "type": "object",
    "properties": {CUSTOM_INPUT: {"type": "string"}},
    "required": [CUSTOM_INPUT],
    "additionalProperties": False,
}
_MODES: Final = ("auto", "none", "required")


def list_custom_tools(tools: object) -> frozenset[str]:
    """Return the names of the custom tools, whose input is any text."""
    listed = tools if isinstance(tools, list) else ()
    custom = (tool for tool in listed if isinstance(tool, Mapping) and tool.get("type") == "custom")
    return frozenset(str(tool.get("name")) for tool in custom)


def translate_tools(tools: object) -> list[dict[str, Any]]:
    """
    Return tools as functions, which the client runs.

    A custom tool becomes a function with one argument. Its format is described to the model, and not enforced.

    Raises:
        ProblemError: A tool is not valid, or runs at the vendor.
    """
    if not isinstance(tools, list):
        raise reject("The field 'tools' must be a list.", param="tools")
    return [_translate_tool(tool, f"tools[{number}]") for number, tool in enumerate(tools)]


def translate_choice(choice: object, options: dict[str, Any]) -> None:
    """
    Set the options ``tool_choice`` and, if only some tools are allowed, ``tools``.

    Raises:
        ProblemError: It is not valid, or cannot be translated.
    """
    match choice:
        case "auto" | "none" | "required":
            options["tool_choice"] = choice
        case {"type": "function" | "custom", "name": str(name)}:
            _check_name(name, options)
            options["tool_choice"] = {"name": name}
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(allowed)}:
            names = {tool.get("name") for tool in allowed if isinstance(tool, Mapping)}
            options["tools"] = [tool for tool in options.get("tools", ()) if tool["name"] in names]
            options["tool_choice"] = mode
        case {"type": str(kind)}:
            raise reject_unsupported("tool_choice", f"a choice of the type {kind!r} cannot be translated")
        case _:
            raise reject(f"The field 'tool_choice' must be one of {', '.join(_MODES)}, or a tool.", param="tool_choice")


def _check_name(name: str, options: Mapping[str, Any]) -> None:
    if all(tool["name"] != name for tool in options.get("tools", ())):
        raise reject(f"The field 'tool_choice' names {name!r}, which is not one of the tools.", param="tool_choice")


def _translate_tool(tool: object, where: str) -> dict[str, Any]:
    if not isinstance(tool, Mapping):
        raise reject(f"{where} must be an object.", param=where)
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        raise reject_unsupported(where, f"a tool of the type {kind!r} runs at vendors with the Responses API")
    if not isinstance(tool.get("name"), str):
        raise reject(f"{where}.name must be a text.", param=f"{where}.name")
    if kind == "function":
        return {"type": "function", **{name: tool[name] for name in _FUNCTION_FIELDS if tool.get(name) is not None}}
    return {
        "type": "function",
        "name": tool["name"],
        "description": _describe_custom(tool),
        "parameters": _CUSTOM_PARAMETERS,
    }


def _describe_custom(tool: Mapping[str, Any]) -> str:
    description = str(tool.get("description") or "")
    form = tool.get("format")
    if not isinstance(form, Mapping) or form.get("type") != "grammar":
        return description
    grammar = f"The input must satisfy this {form.get('syntax')} grammar:\n{form.get('definition')}"
    return f"{description}\n\n{grammar}".strip()
