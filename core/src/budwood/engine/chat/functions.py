"""Describe Python functions as tools, and call them with the arguments that a model wrote."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import FunctionType, MethodType
from typing import Any, Final, NamedTuple, Protocol, cast, get_type_hints
from weakref import ref

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ArgsKwargs, to_json

from budwood.engine.chat.json_schemas import add_items
from budwood.errors import ConfigurationError
from budwood.types import MediaPart, ResultContent, TextPart, ToolCallPart, ToolDefinition
from budwood.types.parts import ResultPart
from budwood.types.record import JSON

Function = Callable[..., Any]

Approval = Callable[[ToolCallPart], bool | str | Awaitable[bool | str]]
"""Called before each tool call. True allows it; False, or a reason for the model, rejects it."""

MAX_CACHED: Final = 256

_DESCRIBABLE: Final = (FunctionType, MethodType, partial, type)
"""Objects of other types are described by their ``__call__``."""

_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


class _Validator(Protocol):
    """The validator that Pydantic compiles for the parameters of a function."""

    def validate_python(self, value: ArgsKwargs, /) -> Any:  # noqa: ANN401 - depends on the function
        """Validate arguments."""
        ...


class Tool(NamedTuple):
    """
    A function that a model may call.

    Attributes:
        function: The function.
        definition: Its description for the model, shared by all calls.
        awaitable: Whether the function is async.
        arguments: Validates arguments and returns them, positional and by name. None for a tool without a function.
    """

    function: Function
    definition: ToolDefinition
    awaitable: bool
    arguments: _Validator | None

    @property
    def is_runnable(self) -> bool:
        """Whether there is a function; a tool that was passed as a dictionary is run by the caller."""
        return self.arguments is not None

    def call(self, call: ToolCallPart) -> Any:  # noqa: ANN401 - depends on the function
        """
        Call the function with the arguments that the model wrote, converted to the types of its hints.

        Raises:
            ValueError: The arguments are not JSON, or do not fit the function.
            Exception: The function raised it.
        """
        if self.arguments is None:
            raise RuntimeError(f"the tool {self.definition.name!r} has no function")
        positional, named = self.arguments.validate_python(ArgsKwargs((), call.parse_arguments()))
        return self.function(*positional, **named)


def make_tool(function: Function) -> Tool:
    """
    Describe a function by its name, its hints and its docstring.

    The description is built once for each function, or once for the class of a callable object.

    Raises:
        ConfigurationError: The function cannot be described.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if not _NAME.match(name):
        raise ConfigurationError(
            f"Invalid tool name {name!r}: it can contain only letters, digits, _ and -.",
            hint="Define the function with def, under such a name.",
        )
    called = function if isinstance(function, _DESCRIBABLE) else getattr(function, "__call__", None)  # noqa: B004
    if not isinstance(called, _DESCRIBABLE):
        raise ConfigurationError(
            f"A tool is of the type {type(function).__name__}.",
            hint='Pass a Python function, or a dictionary: {"type": "function", "function": {…}}.',
        )
    documentation = function.__doc__ or inspect.getdoc(function) or ""
    if isinstance(called, MethodType):  # each look-up creates a new object
        return Tool(function, *_describe(ref(called.__func__), name, documentation, is_bound=True))
    return Tool(function, *_describe(ref(called), name, documentation, is_bound=False))


def make_tools(functions: Sequence[Function | Tool | ToolDefinition | Mapping[str, Any]]) -> dict[str, Tool]:
    """
    Describe several functions, by name. A definition or a dictionary is a tool without a function.

    Raises:
        ConfigurationError: A function cannot be described, or two have the same name.
    """
    tools: dict[str, Tool] = {}
    for function in functions:
        tool = _to_tool(function)
        if tool.definition.name in tools:
            raise ConfigurationError(f"Two tools have the name {tool.definition.name!r}.", hint="Rename one of them.")
        tools[tool.definition.name] = tool
    return tools


def _to_tool(tool: Function | Tool | ToolDefinition | Mapping[str, Any]) -> Tool:
    if isinstance(tool, Tool):
        return tool
    if isinstance(tool, Mapping):
        from budwood.engine.chat.tool_definitions import parse_definition  # few programs pass definitions

        tool = parse_definition(tool)
    if isinstance(tool, ToolDefinition):
        return Tool(_not_runnable, tool, awaitable=False, arguments=None)
    return make_tool(tool)


def _not_runnable(*_: object) -> None:
    """Take the place of the function of a tool that has none."""


def is_async(function: object) -> bool:
    """Return whether a function or a callable object returns a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
    )


def format_result(value: object) -> ResultContent:
    """Convert the result of a tool for the model: texts and media stay as they are, all else becomes JSON."""
    parts = value if isinstance(value, list | tuple) else (value,)
    if not any(isinstance(part, MediaPart) for part in parts):
        return _format_text(value)
    return tuple(
        cast("ResultPart", part) if isinstance(part, TextPart | MediaPart) else TextPart(text=_format_text(part))
        for part in parts
    )


def _format_text(value: object) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode(
            "utf-8"
        )  # file names can contain unpaired surrogates, which JSON cannot
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return to_json(value, fallback=str).decode()


def format_error(error: Exception) -> str:
    """Describe a failed call to the model."""
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, detail['loc'])) or 'arguments'}: {detail['msg']}" for detail in details)
    return f"{type(error).__name__}: {error}"


class _Description(NamedTuple):
    """A `Tool` without its function."""

    definition: ToolDefinition
    awaitable: bool
    arguments: _Validator


@lru_cache(MAX_CACHED)
def _describe(called: ref[Any], name: str, documentation: str, *, is_bound: bool) -> _Description:
    """Describe a function. The cached result has no reference to the function, which could not be freed otherwise."""
    from budwood.engine.chat.docstrings import parse_docstring  # compiles patterns that only tools need

    function = cast("Function", called())  # the caller has a reference
    try:
        signature = inspect.signature(MethodType(function, object()) if is_bound else function)
        hints = _resolve_hints(function)
        adapter = TypeAdapter(_make_collector(signature, hints))
        schema = add_items(adapter.json_schema() | _describe_further_properties(signature, hints))
    except (PydanticUserError, NameError, AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"Cannot describe the tool {name!r}: {str(error).splitlines()[0]}",
            hint="Give its parameters type hints that JSON can express.",
        ) from error
    summary, arguments = parse_docstring(inspect.cleandoc(documentation))
    definition = ToolDefinition(name=name, description=summary, parameters=_add_descriptions(schema, arguments))
    return _Description(definition, is_async(function), adapter.validator)


def _resolve_hints(function: Function) -> dict[str, Any]:
    hints = get_type_hints(function.func if isinstance(function, partial) else function, include_extras=True)
    if isinstance(function, type):
        hints |= get_type_hints(vars(function).get("__init__", function), include_extras=True)
    return hints


def _make_collector(signature: inspect.Signature, hints: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a function with hints
    """
    Return a function that returns its arguments as the described function takes them.

    Its own parameters all have names, because models write arguments as an object: ``*args`` becomes a list.
    """
    rest = next((name for name, one in signature.parameters.items() if one.kind is one.VAR_POSITIONAL), None)
    positional = [
        name
        for name, one in signature.parameters.items()
        if one.kind is one.POSITIONAL_ONLY or (rest and one.kind is one.POSITIONAL_OR_KEYWORD)
    ]

    def collect(*_: object, **named: Any) -> tuple[tuple[object, ...], dict[str, object]]:  # noqa: ANN401 - see above
        first = [named.pop(name) for name in positional if name in named]
        return (*first, *(named.pop(rest, ()) if rest else ())), named

    parameters = [_make_named(one, hints) for one in signature.parameters.values()]
    parameters.sort(key=lambda one: one.kind)  # the list comes after the parameters that may be positional
    collect.__annotations__ = {one.name: one.annotation for one in parameters if one.annotation is not one.empty}
    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return collect


def _make_named(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> inspect.Parameter:
    """Return a parameter that can be given by its name."""
    hint = hints.get(parameter.name, parameter.empty)
    if parameter.kind is parameter.POSITIONAL_ONLY:
        return parameter.replace(kind=parameter.POSITIONAL_OR_KEYWORD, annotation=hint)
    if parameter.kind is parameter.VAR_POSITIONAL:
        items = Any if hint is parameter.empty else hint
        return parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=list[items], default=[])  # type: ignore[valid-type]
    return parameter.replace(annotation=hint)


def _describe_further_properties(signature: inspect.Signature, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what ``**kwargs`` takes."""
    rest = next((name for name, one in signature.parameters.items() if one.kind is one.VAR_KEYWORD), None)
    if rest is None:
        return {}
    return {"additionalProperties": TypeAdapter(hints[rest]).json_schema() if rest in hints else True}


def _add_descriptions(schema: Mapping[str, Any], arguments: Mapping[str, str]) -> dict[str, JSON]:
    """Add the descriptions of the docstring to properties that have none."""
    properties = {
        name: {"description": arguments[name], **value} if name in arguments else value
        for name, value in schema.get("properties", {}).items()
    }
    return {"type": "object", **schema, "properties": properties}
