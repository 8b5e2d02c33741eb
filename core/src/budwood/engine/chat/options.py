"""Options of a call, and how they combine with those of the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypedDict, cast

from pydantic import ValidationError

from budwood.engine.chat.functions import Approval, Function, make_tools
from budwood.engine.chat.prompts import File
from budwood.engine.chat.schemas import ReplyType, parse_schema
from budwood.engine.chat.structured import Output, SchemaMode
from budwood.engine.chat.tools import OUTPUT_TOOL, ToolConfig
from budwood.errors import ConfigurationError
from budwood.names import did_you_mean, join_names, normalise
from budwood.settings import Options, validate_settings
from budwood.types import CacheLifetime, ChatRequest, Message, NamedTool, ReasoningEffort, ToolDefinition, VendorTool
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


class OptionsWithoutSchema(CompletionOptions, total=False):
    """
    Options of a call: those of `CompletionOptions`, and these. All may be left out.

    Attributes:
        system: The system prompt, before all messages.
        files: Files that the last message holds before its text: text and images.
        reasoning_effort: How long the model may think.
        reasoning_budget: How many tokens the model may think, for vendors that count them.
        schema_mode: How the vendor is asked for that; by default in the best way that the model knows.
        tools: Functions that the model may call. A dictionary, or a `ToolDefinition`, describes a tool that you run:
            a reply that calls it is returned, with all its calls in ``response.tool_calls``.
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
    schema_mode: SchemaMode
    tools: Sequence[Function | ToolDefinition | Mapping[str, Any]]
    tool_choice: str
    parallel_tool_calls: bool
    execute_tools: bool
    approve: Approval
    vendor_tools: Sequence[VendorTool]
    prompt_cache: CacheLifetime
    cache: bool


class AskOptions(OptionsWithoutSchema, total=False):
    """
    Options of a call: those of `OptionsWithoutSchema` and `CompletionOptions`, and this one. All may be left out.

    Attributes:
        schema: What the reply must satisfy: a Pydantic model, another type such as ``list[Model]``, or a JSON schema;
            see ``response.parsed``.
    """

    schema: ReplyType


_ASK_OPTIONS: Final = frozenset(AskOptions.__optional_keys__)
_SECRETS: Final = frozenset(
    "api-key apikey x-api-key api-token access-token auth-token authorization bearer secret-key".split()
)
_COMPLETION_OPTIONS: Final = frozenset(CompletionOptions.__optional_keys__)
_CLIENT_OPTIONS: Final = frozenset(ClientOptions.__optional_keys__)
_PARSED_HERE: Final = frozenset({"model", "messages", "tools", "tool_choice", "stop", "extra"})
_REQUEST_FIELDS: Final = frozenset(ChatRequest.model_fields) - _PARSED_HERE


class CallOptions(NamedTuple):
    """
    The options of a call, parsed.

    Attributes:
        options: The client's own options, with those of the call over them.
        model: ``provider/model``, or None for the client's.
        system: The system prompt.
        files: Files for the last message.
        parameters: Fields of the request.
        tools: The functions that may be called.
        output: What the reply must satisfy, if anything.
        use_cache: Whether a kept reply will do.
    """

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


def parse_options(options: AskOptions, defaults: Options) -> CallOptions:
    """
    Parse the options of a call.

    Raises:
        ConfigurationError: An option is unknown or has an impossible value.
    """
    if not options:
        return CallOptions(defaults)
    given = {name: value for name, value in options.items() if value is not None}
    reject_unknown_options(given, _ASK_OPTIONS)
    overrides = {name: value for name, value in given.items() if name in _CLIENT_OPTIONS}
    tools = make_tools(cast("Sequence[Function]", _parse_list(given, "tools", "functions")))
    return CallOptions(
        options=override(defaults, overrides),
        model=_parse_text(given, "model"),
        system=_parse_text(given, "system"),
        files=cast("Sequence[File]", _parse_list(given, "files", "paths")),
        parameters=_parse_parameters(given, [tool.definition for tool in tools.values()]),
        tools=ToolConfig(tools, _parse_flag(given, "execute_tools"), _parse_approval(given)),
        output=_parse_output(given, tools),
        use_cache=_parse_flag(given, "cache"),
    )


def parse_completion_options(options: CompletionOptions, defaults: Options) -> CallOptions:
    """
    Parse the options of a plain completion.

    Raises:
        ConfigurationError: An option is unknown or has an impossible value.
    """
    reject_unknown_options(options, _COMPLETION_OPTIONS)
    return parse_options(cast("AskOptions", options), defaults)


def override(defaults: Options, overrides: Mapping[str, object]) -> Options:
    """Change options, with their values checked."""
    return (
        validate_settings(Options, defaults.model_dump() | dict(overrides), where="options") if overrides else defaults
    )


def reject_unknown_options(given: Mapping[str, object], known: frozenset[str]) -> None:
    """
    See that every option is known.

    Raises:
        ConfigurationError: One is not; the text names those near to it.
    """
    for name in given:
        if name not in known:
            raise ConfigurationError(f"Unknown option {name!r}.", hint=_hint_for_unknown(name, known))


def _hint_for_unknown(name: str, known: frozenset[str]) -> str:
    from budwood.engine.chat.foreign_options import hint_for  # only mistakes need it

    for_client = "extra" not in known
    if for_client and name in _ASK_OPTIONS:
        return f"It is an option of a call: client.ask(…, {name}=…) or client.chat({name}=…)."
    hint = hint_for(name, for_client=for_client) or did_you_mean(name, known)
    if hint is not None:
        return hint
    return f"Known are {join_names(known)}." if for_client else "A vendor's own parameters go into extra={…}."


def _parse_parameters(options: Mapping[str, Any], tools: list[Any]) -> dict[str, Any]:
    parameters = {name: value for name, value in options.items() if name in _REQUEST_FIELDS}
    if "stop" in options:
        parameters["stop"] = (
            (options["stop"],) if isinstance(options["stop"], str) else tuple(_parse_list(options, "stop", "texts"))
        )
    if "extra" in options:
        parameters["extra"] = parse_extra(options["extra"])
    if tools:
        parameters["tools"] = tuple(tools)
    if "tool_choice" in options:
        parameters["tool_choice"] = _parse_tool_choice(options["tool_choice"], {tool.name for tool in tools})
    return parameters


def parse_extra(extra: object) -> dict[str, JSON]:
    """
    Parse a vendor's own parameters.

    Raises:
        ConfigurationError: They are not a dictionary, or hold a credential: it would go into the body of the request.
    """
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise _wrong_type("extra", extra, "a dictionary")
    secret = next((name for name in extra if normalise(str(name)) in _SECRETS), None)
    if secret is not None:
        raise ConfigurationError(
            f"extra= holds {secret!r}, and would be sent in the body of the request.",
            hint="Pass api_key=… to Client, or set it in budwood.toml or the environment.",
        )
    return dict(extra)


def _parse_tool_choice(choice: object, names: set[str]) -> str | NamedTool:
    if isinstance(choice, Mapping):  # as Chat Completions has it, or the Messages API
        function = choice.get("function", choice)
        choice = function.get("name", choice.get("type")) if isinstance(function, Mapping) else choice
        choice = {"any": "required"}.get(choice, choice) if isinstance(choice, str) else choice
    if not isinstance(choice, str):
        raise _wrong_type("tool_choice", choice, "a text")
    if choice in ("auto", "none", "required"):
        return choice
    if choice in names:
        return NamedTool(name=choice)
    tools = f"a tool of this call: {', '.join(sorted(names))}" if names else "the name of a tool of this call"
    raise ConfigurationError(f"tool_choice is {choice!r}.", hint=f'Give "auto", "none", "required", or {tools}.')


def _parse_output(options: Mapping[str, Any], tools: Mapping[str, object]) -> Output | None:
    mode = _parse_mode(options.get("schema_mode", "auto"))
    if "schema" not in options:
        return None
    if OUTPUT_TOOL in tools:
        raise ConfigurationError(
            f"With schema=, no tool can have the name {OUTPUT_TOOL!r}: models may give the output by it.",
            hint="Rename the function.",
        )
    return Output(parse_schema(options["schema"]), mode)


def _parse_mode(mode: object) -> SchemaMode:
    if mode not in ("auto", "native", "tool", "prompt"):
        raise ConfigurationError(f"schema_mode is {mode!r}.", hint='Give "auto", "native", "tool" or "prompt".')
    return mode


def _parse_text(options: Mapping[str, object], name: str) -> str | None:
    value = options.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong_type(name, value, "a text")
    return value


def _parse_list(options: Mapping[str, object], name: str, things: str) -> Sequence[object]:
    value = options.get(name, ())
    if isinstance(value, list | tuple):  # the common case; asking an abstract class costs more
        return value
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise _wrong_type(name, value, f"a list of {things}", f"Pass {name}=[…].")
    return value


def _parse_approval(options: Mapping[str, object]) -> Approval | None:
    approve = options.get("approve")
    if approve is not None and not callable(approve):
        raise _wrong_type("approve", approve, "a function that takes a tool call")
    return cast("Approval | None", approve)


def _parse_flag(options: Mapping[str, object], name: str) -> bool:
    value = options.get(name, True)
    if not isinstance(value, bool):
        hint = "The cache itself is an argument of Client: Client(…, cache=…)." if name == "cache" else None
        raise _wrong_type(name, value, "True or False", hint)
    return value


def _wrong_type(name: str, value: object, expected: str, hint: str | None = None) -> ConfigurationError:
    return ConfigurationError(f"{name}= must be {expected}; got {type(value).__name__}.", hint=hint)
