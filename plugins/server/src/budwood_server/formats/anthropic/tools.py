"""
Parse the tools of a request to the Messages API, and the tool choice.

Source: the types of Anthropic's Python SDK, ``anthropic`` 2.14.0: ``types/tool_param.py``,
``types/tool_choice_param.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from budwood.types import VendorTool
from budwood_server.formats.anthropic.fields import read, read_cache_lifetime, read_objects, require
from budwood_server.formats.anthropic.signatures import VENDOR
from budwood_server.web.problems import reject, reject_unsupported

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

_KNOWN: Final = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}


def parse_tools(items: list[Any], plan: CallPlan) -> dict[str, Any]:
    """
    Return the options of the tools. Functions are never run here: the client runs them.

    Raises:
        ProblemError: A tool is not valid, or only Anthropic has it.
    """
    functions: list[dict[str, Any]] = []
    of_vendor: list[VendorTool] = []
    for where, tool in read_objects(items, "tools"):
        kind = read(tool, "type", str, where) or "custom"
        if kind == "custom":
            functions.append(_check_function(tool, where, plan))
        elif plan.api == VENDOR:
            of_vendor.append(VendorTool(provider=VENDOR, data=tool))
        else:
            raise reject_unsupported(
                f"{where}.type",
                f"{plan.name} has no tool {kind!r}, which is Anthropic's",
                hint="Use a model of Anthropic, or define the tool as a function with an input_schema.",
            )
    found = {"tools": functions, "vendor_tools": of_vendor}
    return {name: tools for name, tools in found.items() if tools}


def _check_function(tool: dict[str, Any], where: str, plan: CallPlan) -> dict[str, Any]:
    require(tool, "name", str, where)
    require(tool, "input_schema", dict, where)
    read(tool, "description", str, where)
    read(tool, "strict", bool, where)
    read_cache_lifetime(tool, where)
    tool = {name: value for name, value in tool.items() if value is not None}
    if plan.api == VENDOR:
        return tool
    for name in tool.keys() - _KNOWN:
        plan.leave_out(f"{where}.{name}", "only Anthropic takes it")
    return {name: value for name, value in tool.items() if name in _KNOWN}


def parse_tool_choice(choice: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """
    Return the options of the tool choice.

    Args:
        choice: The field ``tool_choice``.
        options: The options of the tools.

    Raises:
        ProblemError: It is not valid.
    """
    kind = require(choice, "type", str, "tool_choice")
    parsed: dict[str, Any] = {}
    if read(choice, "disable_parallel_tool_use", bool, "tool_choice"):
        parsed["parallel_tool_calls"] = False
    if kind in _CHOICES:
        return parsed | {"tool_choice": _CHOICES[kind]}
    if kind != "tool":
        raise reject("tool_choice.type must be 'auto', 'any', 'tool' or 'none'.", param="tool_choice.type")
    name = require(choice, "name", str, "tool_choice")
    if any(tool["name"] == name for tool in options.get("tools", ())):
        return parsed | {"tool_choice": {"type": "function", "name": name}}
    if any(tool.data.get("name") == name for tool in options.get("vendor_tools", ())):
        return {"extra": {"tool_choice": choice}}
    raise reject(f"tool_choice names {name!r}, which is not one of the tools.", param="tool_choice.name")
