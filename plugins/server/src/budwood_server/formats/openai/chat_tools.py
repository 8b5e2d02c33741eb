"""Read the tools of a request to Chat Completions, and the older functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from budwood_server.web.problems import reject, reject_unsupported

_CHOICES: Final = frozenset({"auto", "none", "required"})
_TOOL_FIELDS: Final = frozenset({"type", "function"})
_FUNCTION_FIELDS: Final = frozenset({"name", "description", "parameters", "strict"})
_HINT: Final = "Remove it, or choose a model of a vendor with OpenAI's API."


class Tools(NamedTuple):
    """
    The tools of a request.

    Attributes:
        options: The options of the call.
        extra: What is sent unchanged.
        is_bound: Whether only endpoints of the same API can answer.
        custom: The names of tools whose input is a text.
    """

    options: dict[str, Any]
    extra: dict[str, Any]
    is_bound: bool = False
    custom: frozenset[str] = frozenset()


def read_tools(body: Mapping[str, Any], *, is_native: bool) -> Tools:
    """
    Read ``tools``, ``tool_choice``, ``functions`` and ``function_call``.

    Args:
        body: The body of the request.
        is_native: Whether its fields can be sent unchanged.

    Raises:
        ProblemError: A field is not valid, or has no equivalent at the vendor.
    """
    return _read_native(body) if is_native else _read_foreign(body)


def _read_native(body: Mapping[str, Any]) -> Tools:
    options: dict[str, Any] = {}
    extra = {name: body[name] for name in ("functions", "function_call") if name in body}
    tools, custom = body.get("tools"), frozenset[str]()
    is_bound = bool(extra)
    if isinstance(tools, list) and tools and all(map(_is_function, tools)):
        options = {"tools": tools, "execute_tools": False}
    elif "tools" in body:
        extra["tools"] = tools
        custom = _list_custom(tools)
        is_bound = bool(tools)
    if "tool_choice" in body:
        choice = body["tool_choice"]
        if options and _is_choice(choice, options["tools"]):
            options["tool_choice"] = choice
        else:
            extra["tool_choice"] = choice
    return Tools(options, extra, is_bound, custom)


def _read_foreign(body: Mapping[str, Any]) -> Tools:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    where = "tools"
    if not isinstance(tools, list):
        raise reject("The field 'tools' must be a list.", param="tools")
    if functions := body.get("functions"):
        where = "functions"
        if not isinstance(functions, list):
            raise reject("The field 'functions' must be a list.", param=where)
        tools, choice = (
            [*tools, *({"type": "function", "function": each} for each in functions)],
            body.get("function_call"),
        )
    for number, tool in enumerate(tools):
        _check_foreign(tool, f"{where}[{number}]")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        tools, choice = _apply_allowed_tools(tools, choice)
    if not tools:
        return Tools({}, {})
    options: dict[str, Any] = {"tools": tools, "execute_tools": False}
    if choice is not None:
        if not _is_choice(choice, tools):
            field = "function_call" if functions else "tool_choice"
            raise reject(f"The field {field!r} must be 'auto', 'none', 'required' or a tool.", param=field)
        options["tool_choice"] = choice
    return Tools(options, {})


def _is_function(tool: object) -> bool:
    """Tell whether the core models a tool completely."""
    if not isinstance(tool, dict) or tool.get("type") != "function" or not _TOOL_FIELDS.issuperset(tool):
        return False
    function = tool.get("function")
    return (
        isinstance(function, dict)
        and _FUNCTION_FIELDS.issuperset(function)
        and _is_name(function.get("name"))
        and isinstance(function.get("parameters") or {}, dict)
        and isinstance(function.get("description") or "", str)
        and isinstance(function.get("strict") or False, bool)
    )


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= 64 and name.isascii() and name.replace("-", "_").isidentifier()


def _check_foreign(tool: object, where: str) -> None:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind != "function":
        raise reject_unsupported(f"{where}.type", f"the vendor has no tools of the type {kind!r}", hint=_HINT)
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise reject("A tool must have a function with a name.", param=f"{where}.function")


def _is_choice(choice: object, tools: list[Any]) -> bool:
    if isinstance(choice, str):
        return choice in _CHOICES
    if not isinstance(choice, dict):
        return False
    inner = choice.get("function", choice)  # function_call has only the name
    name = inner.get("name") if isinstance(inner, dict) else None
    return choice.get("type", "function") == "function" and any(tool["function"]["name"] == name for tool in tools)


def _apply_allowed_tools(tools: list[Any], choice: Mapping[str, Any]) -> tuple[list[Any], object]:
    """Return the tools that a choice allows, and its mode."""
    inner = choice.get("allowed_tools")
    allowed = inner.get("tools") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(allowed, list):
        raise reject("The field 'tool_choice.allowed_tools' must have a list of tools.", param="tool_choice")
    names = {
        each["function"].get("name")
        for each in allowed
        if isinstance(each, dict) and isinstance(each.get("function"), dict)
    }
    return [tool for tool in tools if tool["function"]["name"] in names], inner.get("mode", "auto")


def _list_custom(tools: object) -> frozenset[str]:
    rows = tools if isinstance(tools, list) else ()
    custom = (row.get("custom") for row in rows if isinstance(row, dict) and row.get("type") == "custom")
    names = (inner.get("name") for inner in custom if isinstance(inner, dict))
    return frozenset(name for name in names if isinstance(name, str))
