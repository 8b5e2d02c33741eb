"""Options of a call, and how they combine with those of the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from pydantic import ValidationError

from budwood.contracts.tags import parse_tags
from budwood.engine.caching.modes import MODES, CacheMode
from budwood.engine.chat.functions import Approval, Function, make_tools
from budwood.engine.chat.option_types import AskOptions, ClientOptions, CompletionOptions, ServiceOptions, Upload
from budwood.engine.chat.prompts import File
from budwood.engine.chat.schemas import parse_schema
from budwood.engine.chat.structured import Output, SchemaMode
from budwood.engine.chat.tools import ToolConfig
from budwood.errors import ConfigurationError
from budwood.names import did_you_mean, join_names, normalise
from budwood.option_settings import Options
from budwood.settings import validate_settings
from budwood.types import OUTPUT_TOOL, ChatRequest, Message, NamedTool
from budwood.types.record import JSON

if TYPE_CHECKING:
    from budwood.budget_settings import BudgetSettings


_ASK_OPTIONS: Final = frozenset(AskOptions.__optional_keys__)
_SECRETS: Final = frozenset(
    "api-key apikey x-api-key api-token access-token auth-token authorization bearer secret-key".split()
)
_COMPLETION_OPTIONS: Final = frozenset(CompletionOptions.__optional_keys__)
_SERVICE_OPTIONS: Final = frozenset(ServiceOptions.__optional_keys__)
_CLIENT_OPTIONS: Final = frozenset(ClientOptions.__optional_keys__)
_PARSED_HERE: Final = frozenset({"model", "messages", "tools", "tool_choice", "stop", "extra"})
_REQUEST_FIELDS: Final = frozenset(ChatRequest.model_fields) - _PARSED_HERE


class CallOptions(NamedTuple):
    """
    The parsed options of a call.

    Attributes:
        options: The client's options, overridden by those of the call.
        model: ``provider/model``, or None for the client's.
        system: The system prompt.
        files: Files for the last message.
        parameters: Fields of the request.
        tools: The tools that the model may call.
        output: The structured output to request, or None.
        cache_mode: How the client's cache is used; None for not at all.
        sample: The number of the sample, or None.
        conversation: The conversation that the request continues, or None.
        label: The label of the call, or None for the client's.
        tags: The tags of the call, which the client's are added to; or None.
        budget: The budget of the call, or None.
        upload: Which media of messages are uploaded.
        variables: The values of variables of a prompt that is named; None if the prompt is the text itself.
        kind: The class of the request.
    """

    options: Options
    model: str | None = None
    system: str | None = None
    files: Sequence[File] = ()
    parameters: Mapping[str, Any] = MappingProxyType({})
    tools: ToolConfig = ToolConfig()
    output: Output | None = None
    cache_mode: CacheMode | None = "use"
    sample: int | None = None
    conversation: str | None = None
    label: str | None = None
    tags: Mapping[str, str] | None = None
    budget: BudgetSettings | None = None
    upload: Upload = "auto"
    variables: Mapping[str, Any] | None = None
    kind: type[ChatRequest] = ChatRequest

    def request(self, model: str, messages: tuple[Message, ...]) -> ChatRequest:
        """
        Build the request.

        Raises:
            ConfigurationError: A parameter has an invalid value.
        """
        try:
            return self.kind(model=model, messages=messages, **self.parameters)
        except ValidationError as error:
            raise convert_error(error) from None


def convert_error(error: ValidationError) -> ConfigurationError:
    """Return the error for a field of a request with an invalid value."""
    detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ConfigurationError(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}.")


def parse_options(options: AskOptions, defaults: Options) -> CallOptions:
    """
    Parse the options of a call.

    Raises:
        ConfigurationError: An option is unknown or has an invalid value.
    """
    if not options:
        return CallOptions(defaults)
    supplied = {name: value for name, value in options.items() if value is not None}
    reject_unknown_options(supplied, _ASK_OPTIONS)
    overrides = {name: value for name, value in supplied.items() if name in _CLIENT_OPTIONS}
    tools = make_tools(cast("Sequence[Function]", _parse_list(supplied, "tools", "functions")))
    label, budget = parse_account(supplied.get("label"), supplied.get("budget"))
    return CallOptions(
        options=override(defaults, overrides),
        model=_parse_text(supplied, "model"),
        system=_parse_text(supplied, "system"),
        files=cast("Sequence[File]", _parse_list(supplied, "files", "files")),
        parameters=_parse_parameters(supplied, [tool.definition for tool in tools.values()]),
        tools=ToolConfig(tools, _parse_flag(supplied, "execute_tools"), _parse_approval(supplied)),
        output=_parse_output(supplied, tools),
        cache_mode=_parse_cache(supplied),
        sample=_parse_sample(supplied),
        conversation=_parse_text(supplied, "conversation"),
        label=label,
        tags=parse_tags(supplied["tags"]) if "tags" in supplied else None,
        budget=budget,
        upload=_parse_upload(supplied.get("upload", "auto")),
        variables=_parse_variables(supplied["variables"]) if "variables" in supplied else None,
    )


def parse_completion_options(options: CompletionOptions, defaults: Options) -> CallOptions:
    """
    Parse the options of a plain completion.

    Raises:
        ConfigurationError: An option is unknown or has an invalid value.
    """
    reject_unknown_options(options, _COMPLETION_OPTIONS)
    return parse_options(cast("AskOptions", options), defaults)


def parse_service_options(options: ServiceOptions, defaults: Options) -> CallOptions:
    """
    Parse the options of a service other than chat.

    Raises:
        ConfigurationError: An option is unknown or has an invalid value.
    """
    reject_unknown_options(options, _SERVICE_OPTIONS)
    return parse_options(cast("AskOptions", options), defaults)


def override(defaults: Options, overrides: Mapping[str, object]) -> Options:
    """Return options with some values replaced and validated."""
    return (
        validate_settings(Options, defaults.model_dump() | dict(overrides), where="options") if overrides else defaults
    )


def reject_unknown_options(options: Mapping[str, object], known: frozenset[str]) -> None:
    """
    Reject unknown options.

    Raises:
        ConfigurationError: An option is unknown; the hint suggests what to use.
    """
    for name in options:
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
    return f"Known options: {join_names(known)}." if for_client else "Pass parameters of the vendor in extra={…}."


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
    Parse parameters of the vendor.

    Raises:
        ConfigurationError: They are not a dictionary, or contain a credential, which would be sent in the request body.
    """
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise _wrong_type("extra", extra, "a dictionary")
    secret = next((name for name in extra if normalise(str(name)) in _SECRETS), None)
    if secret is not None:
        raise ConfigurationError(
            f"extra= contains {secret!r}, which would be sent in the body of the request.",
            hint="Pass api_key=… to Client, or set it in budwood.toml or the environment.",
        )
    return dict(extra)


def _parse_tool_choice(choice: object, names: set[str]) -> str | NamedTool:
    if isinstance(choice, Mapping):  # in the form of Chat Completions or of the Messages API
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
    raise ConfigurationError(f"Invalid tool_choice {choice!r}.", hint=f'Pass "auto", "none", "required", or {tools}.')


def _parse_output(options: Mapping[str, Any], tools: Mapping[str, object]) -> Output | None:
    mode = _parse_mode(options.get("schema_mode", "auto"))
    if "schema" not in options:
        return None
    if OUTPUT_TOOL in tools:
        raise ConfigurationError(
            f"With schema=, the tool name {OUTPUT_TOOL!r} is reserved for structured output.",
            hint="Rename the function.",
        )
    return Output(parse_schema(options["schema"]), mode)


def _parse_mode(mode: object) -> SchemaMode:
    if mode not in ("auto", "native", "tool", "prompt"):
        raise ConfigurationError(f"Invalid schema_mode {mode!r}.", hint='Pass "auto", "native", "tool" or "prompt".')
    return mode


def _parse_upload(upload: object) -> Upload:
    if upload not in ("auto", "never", "always"):
        raise ConfigurationError(f"Invalid upload {upload!r}.", hint='Pass "auto", "never" or "always".')
    return upload


def _parse_variables(variables: object) -> Mapping[str, Any]:
    if not isinstance(variables, Mapping):
        raise _wrong_type("variables", variables, "a dictionary", 'Pass the values by name: variables={"name": "Ada"}.')
    return variables


def _parse_text(options: Mapping[str, object], name: str) -> str | None:
    value = options.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong_type(name, value, "a text")
    return value


def parse_account(label: object, budget: object) -> tuple[str | None, BudgetSettings | None]:
    """
    Parse the label and the budget of a call.

    Raises:
        ConfigurationError: One of them is not valid.
    """
    parsed = _parse_text({"label": label}, "label")
    if budget is None:
        return parsed, None
    from budwood.budget_settings import parse_call_budget  # few calls have one

    return parsed, parse_call_budget(budget)


def _parse_list(options: Mapping[str, object], name: str, items: str) -> Sequence[object]:
    value = options.get(name, ())
    if isinstance(value, list | tuple):  # the common case: a check against an abstract class costs more
        return value
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise _wrong_type(name, value, f"a list of {items}", f"Pass {name}=[…].")
    return value


def _parse_approval(options: Mapping[str, object]) -> Approval | None:
    approve = options.get("approve")
    if approve is not None and not callable(approve):
        raise _wrong_type("approve", approve, "a function that takes a tool call")
    return cast("Approval | None", approve)


def _parse_flag(options: Mapping[str, object], name: str) -> bool:
    value = options.get(name, True)
    if not isinstance(value, bool):
        raise _wrong_type(name, value, "True or False")
    return value


def _parse_cache(options: Mapping[str, object]) -> CacheMode | None:
    value = options.get("cache", True)
    if isinstance(value, bool):
        return "use" if value else None
    if value in MODES:
        return value
    raise ConfigurationError(
        f"cache= of a call must be True, False, 'fresh', 'refresh' or 'only'; got {value!r}.",
        hint="The cache itself is an argument of Client: Client(…, cache=…).",
    )


def _parse_sample(options: Mapping[str, object]) -> int | None:
    value = options.get("sample")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ConfigurationError(f"sample= must be a number of 0 or more; got {value!r}.")


def _wrong_type(name: str, value: object, expected: str, hint: str | None = None) -> ConfigurationError:
    return ConfigurationError(f"{name}= must be {expected}; got {type(value).__name__}.", hint=hint)
