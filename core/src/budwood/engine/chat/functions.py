"""Describe a plain function to a model, and call it with what the model writes."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ArgsKwargs, to_json

from budwood.errors import ConfigurationError
from budwood.types import ToolCallPart, ToolDefinition
from budwood.types.record import JSON

Function = Callable[..., Any]

_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


@dataclass(frozen=True)
class Tool:
    """A function that a model may call."""

    function: Function
    definition: ToolDefinition
    awaitable: bool

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return _adapter(self.function)

    def call(self, call: ToolCallPart) -> Any:  # noqa: ANN401 - whatever the function returns
        """
        Call the function with the arguments that the model wrote, brought to the types of its hints.

        Raises:
            ValueError: The arguments are no JSON, or do not fit the function.
            Exception: Whatever the function raises.
        """
        return self._adapter.validate_python(ArgsKwargs((), call.parse_arguments()))


def make_tool(function: Function) -> Tool:
    """
    Describe a function by its name, its hints and its docstring.

    Raises:
        ConfigurationError: It cannot be described.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if not _NAME.match(name):
        raise ConfigurationError(
            f"The tool {name!r} needs a name of letters, digits, _ and -.",
            hint="Define it with def, under such a name.",
        )
    try:
        schema = _adapter(function).json_schema()
    except (PydanticUserError, NameError, TypeError) as error:
        raise ConfigurationError(
            f"The tool {name!r} cannot be described to a model: {str(error).splitlines()[0]}",
            hint="Give its parameters type hints that JSON can express.",
        ) from error
    from budwood.engine.chat.docstrings import read_docstring  # its patterns take a while, and only tools need them

    summary, arguments = read_docstring(inspect.getdoc(function) or "")
    return Tool(
        function=function,
        definition=ToolDefinition(name=name, description=summary, parameters=_described(schema, arguments)),
        awaitable=is_async(function),
    )


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether a function, or an object that can be called, returns a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
    )


def _adapter(function: Function) -> TypeAdapter[Any]:
    if not (inspect.isroutine(function) or isinstance(function, functools.partial | type)):
        function = getattr(function, "__call__", function)  # noqa: B004 - Pydantic describes functions, not objects
    return TypeAdapter(function)  # type: ignore[arg-type]  # Pydantic takes functions; its stub knows types alone


def make_tools(functions: Sequence[Function | Tool]) -> dict[str, Tool]:
    """
    Describe several functions.

    Raises:
        ConfigurationError: Two of them have one name.
    """
    tools: dict[str, Tool] = {}
    for function in functions:
        tool = function if isinstance(function, Tool) else make_tool(function)
        if tool.definition.name in tools:
            raise ConfigurationError(f"Two tools have the name {tool.definition.name!r}.", hint="Rename one of them.")
        tools[tool.definition.name] = tool
    return tools


def _described(schema: Mapping[str, Any], arguments: Mapping[str, str]) -> dict[str, JSON]:
    """Put the docstring's words beside the properties that have none of their own."""
    properties = {
        name: {"description": arguments[name], **value} if name in arguments else value
        for name, value in schema.get("properties", {}).items()
    }
    return {"type": "object", **schema, "properties": properties}


def format_result(value: object) -> str:
    """Write what a tool returned as text for the model: text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return to_json(value, fallback=str).decode()


def format_error(error: Exception) -> str:
    """Say to the model what went wrong with its call."""
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, detail['loc'])) or 'arguments'}: {detail['msg']}" for detail in details)
    return f"{type(error).__name__}: {error}"


Approval = Callable[[ToolCallPart], bool | str | Awaitable[bool | str]]
"""Asked before each call of a tool: True lets it run, False or a reason for the model does not."""
