"""Tools of LangChain, as options of Budwood's calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from budwood import ConfigurationError
from budwood.types import VendorTool

AnyTool = Mapping[str, Any] | type | Callable[..., Any] | BaseTool | VendorTool
"""A tool of LangChain, a function, a Pydantic model, a schema, or a `VendorTool`, which runs at its vendor."""


ToolChoice = str | bool | Mapping[str, Any]
"""A choice in the forms of LangChain, OpenAI and Anthropic; True for the only tool."""


def make_tool_options(
    tools: Sequence[AnyTool], tool_choice: ToolChoice | None = None, *, strict: bool | None = None
) -> dict[str, Any]:
    """
    Return the options with which the model may call tools. LangChain runs the calls.

    Raises:
        ConfigurationError: The tool of ``tool_choice`` is not among the tools.
    """
    definitions = [_define(tool, strict=strict) for tool in tools if not isinstance(tool, VendorTool)]
    names = [definition["function"]["name"] for definition in definitions if "function" in definition]
    options: dict[str, Any] = {"tools": definitions}
    if vendor_tools := [tool for tool in tools if isinstance(tool, VendorTool)]:
        options["vendor_tools"] = vendor_tools
    if (choice := _choose(tool_choice, names)) is not None:
        options["tool_choice"] = choice
    return options


def list_names(tools: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of tools that are dictionaries in one of the forms that Budwood takes."""
    return frozenset(tool.get("function", tool).get("name", "") for tool in tools)


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
