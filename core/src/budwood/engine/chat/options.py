"""What can be said with a call, and what it means together with the client's own options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypedDict, cast

from pydantic import BaseModel, ValidationError

from budwood.engine.chat.functions import Approval, Function, as_tools
from budwood.engine.chat.prompts import File
from budwood.engine.chat.schemas import wanted
from budwood.engine.chat.structured import Output, SchemaMode
from budwood.engine.chat.tools import OUTPUT_TOOL, ToolConfig
from budwood.errors import ConfigurationError
from budwood.names import did_you_mean
from budwood.settings import Options, validated
from budwood.types import CacheLifetime, ChatRequest, Message, NamedTool, ReasoningEffort, VendorTool
from budwood.types.record import JSON


class ClientOptions(TypedDict, total=False):
    """Options of a client, which are the defaults of its calls; see `budwood.settings.Options` for what they mean."""

    retries: int
    timeout: float
    connect_timeout: float
    idle_timeout: float
    on_unsupported: Literal["adapt", "warn", "error"]
    repairs: int
    max_tool_rounds: int
    max_retry_after: float
    attempt_timeout: float


class CompletionOptions(ClientOptions, total=False):
    """
    Options of a plain completion. All may be left out.

    Attributes:
        model: ``provider/model``; by default the client's.
        temperature: How much chance there is in the reply; from 0, most vendors take up to 2.
        top_p: The share of the likeliest tokens that are drawn from, 0 to 1.
        max_tokens: The most tokens of output, reasoning included.
        stop: Texts at which the model stops.
        seed: Makes chance repeatable, as far as the vendor can.
        frequency_penalty: Against repeating words often.
        presence_penalty: Against repeating words at all.
        extra: The vendor's own parameters, sent as they are.
    """

    model: str
    temperature: float
    top_p: float
    max_tokens: int
    stop: str | Sequence[str]
    seed: int
    frequency_penalty: float
    presence_penalty: float
    extra: Mapping[str, JSON]


class AskOptions(CompletionOptions, total=False):
    """
    Options of a call: those of `CompletionOptions`, and these. All may be left out.

    Attributes:
        system: The system prompt, before all messages.
        files: Files that the last message holds before its text: text and images.
        reasoning_effort: How long the model may think.
        reasoning_budget: How many tokens the model may think, for vendors that count them.
        schema: A Pydantic model or a JSON schema that the reply must satisfy; see ``response.parsed``.
        schema_mode: How the vendor is asked for that; by default in the best way that the model knows.
        tools: Functions that the model may call.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the name of the tool that must be called.
        parallel_tool_calls: Whether the model may ask for several calls at once.
        execute_tools: Whether calls are run; otherwise they are in ``response.tool_calls``.
        approve: Asked before each call of a tool; True lets it run, False or a reason for the model does not.
        vendor_tools: Tools that run at the vendor.
        prompt_cache: That the request comes again, longer: the vendor may keep what it has read, for this long.
        cache: False asks the vendor although a reply may be kept, and keeps none.
    """

    system: str
    files: Sequence[File]
    reasoning_effort: ReasoningEffort
    reasoning_budget: int
    schema: type[BaseModel] | Mapping[str, Any]
    schema_mode: SchemaMode
    tools: Sequence[Function]
    tool_choice: str
    parallel_tool_calls: bool
    execute_tools: bool
    approve: Approval
    vendor_tools: Sequence[VendorTool]
    prompt_cache: CacheLifetime
    cache: bool


_KNOWN: Final = frozenset(AskOptions.__optional_keys__)
_OF_COMPLETIONS: Final = frozenset(CompletionOptions.__optional_keys__)
_OF_THE_CALL: Final = frozenset(ClientOptions.__optional_keys__)
_MADE_HERE: Final = frozenset({"model", "messages", "tools", "tool_choice", "stop", "extra"})
_OF_THE_REQUEST: Final = frozenset(ChatRequest.model_fields) - _MADE_HERE


class Asked(NamedTuple):
    """A call's options, understood: what goes into the request and what stays with us."""

    options: Options
    model: str | None = None
    system: str | None = None
    files: Sequence[File] = ()
    parameters: Mapping[str, Any] = MappingProxyType({})
    tools: ToolConfig = ToolConfig()
    output: Output | None = None
    use_cache: bool = True

    def request(self, model: str, messages: tuple[Message, ...]) -> ChatRequest:
        """
        Write the request.

        Raises:
            ConfigurationError: A parameter has a value that no vendor takes.
        """
        try:
            return ChatRequest(model=model, messages=messages, **self.parameters)
        except ValidationError as error:
            detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise ConfigurationError(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}.") from None


def understood(given: AskOptions, defaults: Options) -> Asked:
    """
    Understand the options of a call.

    Raises:
        ConfigurationError: An option is unknown or has an impossible value.
    """
    if not given:
        return Asked(defaults)
    said = {name: value for name, value in given.items() if value is not None}
    refuse_unknown(said, _KNOWN)
    overrides = {name: value for name, value in said.items() if name in _OF_THE_CALL}
    tools = as_tools(cast("Sequence[Function]", _listed(said, "tools", "functions")))
    return Asked(
        options=override(defaults, overrides),
        model=_text(said, "model"),
        system=_text(said, "system"),
        files=cast("Sequence[File]", _listed(said, "files", "names")),
        parameters=_parameters(said, [tool.definition for tool in tools.values()]),
        tools=ToolConfig(tools, bool(said.get("execute_tools", True)), cast("Approval | None", said.get("approve"))),
        output=_output(said, tools),
        use_cache=bool(said.get("cache", True)),
    )


def understood_completion(given: CompletionOptions, defaults: Options) -> Asked:
    """
    Understand the options of a plain completion.

    Raises:
        ConfigurationError: An option is unknown or has an impossible value.
    """
    refuse_unknown(given, _OF_COMPLETIONS)
    return understood(cast("AskOptions", given), defaults)


def override(defaults: Options, overrides: Mapping[str, object]) -> Options:
    """Change options, with their values checked."""
    return validated(Options, defaults.model_dump() | dict(overrides), where="options") if overrides else defaults


def refuse_unknown(given: Mapping[str, object], known: frozenset[str]) -> None:
    """
    See that every option is known.

    Raises:
        ConfigurationError: One is not; the text names those near to it.
    """
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) or "A vendor's own parameters go into extra={…}."
            raise ConfigurationError(f"Unknown option {name!r}.", hint=hint)


def _parameters(said: Mapping[str, Any], tools: list[Any]) -> dict[str, Any]:
    parameters = {name: value for name, value in said.items() if name in _OF_THE_REQUEST}
    if "stop" in said:
        parameters["stop"] = (said["stop"],) if isinstance(said["stop"], str) else tuple(_listed(said, "stop", "texts"))
    if "extra" in said:
        if not isinstance(said["extra"], Mapping):
            raise ConfigurationError(f"extra= is a {type(said['extra']).__name__}.", hint="Give a dictionary.")
        parameters["extra"] = dict(said["extra"])
    if tools:
        parameters["tools"] = tuple(tools)
    if "tool_choice" in said:
        parameters["tool_choice"] = _choice(said["tool_choice"], {tool.name for tool in tools})
    return parameters


def _choice(choice: str, names: set[str]) -> str | NamedTool:
    if choice in ("auto", "none", "required"):
        return choice
    if choice in names:
        return NamedTool(name=choice)
    raise ConfigurationError(
        f"tool_choice is {choice!r}.",
        hint=f'Give "auto", "none", "required", or one of the tools: {", ".join(sorted(names))}.',
    )


def _output(said: Mapping[str, Any], tools: Mapping[str, object]) -> Output | None:
    mode = _mode(said.get("schema_mode", "auto"))
    if "schema" not in said:
        return None
    if OUTPUT_TOOL in tools:
        raise ConfigurationError(
            f"With schema=, no tool can have the name {OUTPUT_TOOL!r}: models may give the output by it.",
            hint="Rename the function.",
        )
    return Output(wanted(said["schema"]), mode)


def _mode(mode: object) -> SchemaMode:
    if mode not in ("auto", "native", "tool", "prompt"):
        raise ConfigurationError(f"schema_mode is {mode!r}.", hint='Give "auto", "native", "tool" or "prompt".')
    return mode


def _text(said: Mapping[str, object], name: str) -> str | None:
    given = said.get(name)
    if given is not None and not isinstance(given, str):
        raise ConfigurationError(f"{name}= is a {type(given).__name__}.", hint="Give a text.")
    return given


def _listed(said: Mapping[str, object], name: str, things: str) -> Sequence[object]:
    given = said.get(name, ())
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise ConfigurationError(f"{name}= is a {type(given).__name__}.", hint=f"Give a list of {things}: {name}=[…].")
    return given
