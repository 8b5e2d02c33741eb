"""Tools of LangChain, as options of Budwood's calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from budwood import ConfigurationError
from budwood.types import VendorTool

AnyTool = Mapping[str, Any] | type | Callable[..., Any] | BaseTool | VendorTool
"""A tool of LangChain, a function, a Pydantic model, a schema, or a tool that runs at its vendor."""


_RUN_HERE: Final = frozenset({"function", "custom", "object"})
"""The types of tools that are dictionaries and run in LangChain; that of a JSON schema is ``object``."""

ToolChoice = str | bool | Mapping[str, Any]
"""A choice in the forms of LangChain, OpenAI and Anthropic; True for the only tool."""


def make_tool_options(
    tools: Sequence[AnyTool],
    tool_choice: ToolChoice | None = None,
    *,
    strict: bool | None = None,
    provider: str,
) -> dict[str, Any]:
    """
    Return the options with which the model may call tools. LangChain runs the calls.

    Args:
        tools: The tools. One of the vendor may have the vendor's form, such as ``{"type": "web_search"}``.
        tool_choice: The choice.
        strict: Whether the vendor enforces the schemas of arguments.
        provider: The provider of the model, which gets the tools in its form.

    Raises:
        ConfigurationError: The tool of ``tool_choice`` is not among the tools.
    """
    vendor_tools = [_read_vendor_tool(tool, provider) for tool in tools if _is_of_vendor(tool)]
    definitions = [_define(tool, strict=strict) for tool in tools if not _is_of_vendor(tool)]
    names = [definition["function"]["name"] for definition in definitions if "function" in definition]
    options: dict[str, Any] = {"tools": definitions}
    if vendor_tools:
        options["vendor_tools"] = vendor_tools
    if (choice := _choose(tool_choice, names)) is not None:
        options["tool_choice"] = choice
    if isinstance(tool_choice, Mapping) and tool_choice.get("disable_parallel_tool_use"):
        options["parallel_tool_calls"] = False
    return options


def list_names(tools: Sequence[object]) -> frozenset[str]:
    """Return the names of tools that are dictionaries in one of the forms that Budwood takes."""
    return frozenset(tool.get("function", tool).get("name", "") for tool in tools if isinstance(tool, Mapping))


def _is_of_vendor(tool: object) -> bool:
    """Tell whether a tool runs at its vendor."""
    if isinstance(tool, Mapping):
        return isinstance(kind := tool.get("type"), str) and kind not in _RUN_HERE
    return isinstance(tool, VendorTool)


def _read_vendor_tool(tool: Any, provider: str) -> VendorTool:
    return tool if isinstance(tool, VendorTool) else VendorTool(provider=provider, data=dict(tool))


def _define(tool: Any, *, strict: bool | None) -> dict[str, Any]:
    return convert_to_openai_tool(tool, strict=strict)


def _choose(choice: ToolChoice | None, names: Sequence[str]) -> str | None:
    """Return the choice in Budwood's form: ``auto``, ``none``, ``required``, or a name."""
    match choice:
        case None | False:
            return None
        case True:
            return names[0] if len(names) == 1 else "required"
        case "any":
            return "required"
        case "auto" | "none" | "required":
            return str(choice)
        case {"function": {"name": str() as name}} | {"name": str() as name}:
            pass
        case {"type": "auto" | "none" | "required" | "any" as kind}:
            return "required" if kind == "any" else str(kind)
        case str() as name:
            pass
        case _:
            raise ConfigurationError(
                f"tool_choice has an unknown form: {choice!r}.",
                hint='Pass "auto", "none", "any", or the name of a tool.',
            )
    if name not in names:
        raise ConfigurationError(
            f"tool_choice is {name!r}, but there is no such tool.", hint=f"The tools are: {', '.join(names) or 'none'}."
        )
    return name
