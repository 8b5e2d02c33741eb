"""
Translate a request to the Messages API into a call.

Toward Anthropic every field reaches the vendor as it is. Toward others, a field is translated, left out as
``on_unsupported`` says, or rejected if its loss would change the reply's form or where it is computed.
Source: the types of Anthropic's Python SDK, ``anthropic`` 2.14.0: ``types/message_create_params.py`` and
``types/beta/message_create_params.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.types import Adaptation, Capability, Message
from budwood_server.formats.anthropic.blocks import MessageParser
from budwood_server.formats.anthropic.fields import read, read_cache_lifetime, require
from budwood_server.formats.anthropic.signatures import VENDOR
from budwood_server.formats.anthropic.tools import parse_tool_choice, parse_tools
from budwood_server.formats.schemas import check_patterns
from budwood_server.web.problems import reject, reject_unsupported

if TYPE_CHECKING:
    from budwood.types import ModelDetails
    from budwood_server.gateway.plan import CallPlan

_LEFT_OUT: Final = ("top_k", "service_tier", "context_management", "speed", "betas")
"""Fields of Anthropic without which the reply has the same form."""

_REJECTED: Final = ("container", "mcp_servers", "inference_geo")
"""Fields of Anthropic without which the reply would be another one."""

_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_EFFORTS_OF_BUDGETS: Final = ((2048, "low"), (8192, "medium"))
"""The effort for a budget up to a number of tokens, for vendors that take an effort only; ``"high"`` above."""

_ONLY_ANTHROPIC: Final = "only Anthropic takes it"
_MIN_BUDGET: Final = 1024
MAX_TAG_LENGTH: Final = 512
"""The characters of ``metadata.user_id`` that observers get."""


class VersionHeaders(NamedTuple):
    """The headers ``anthropic-version``, or None without it, and ``anthropic-beta``."""

    version: str | None = None
    betas: Sequence[str] = ()


NO_HEADERS: Final = VersionHeaders()


@dataclass(slots=True)
class MessagesCall:
    """
    A parsed request.

    Attributes:
        messages: The system prompt and the messages.
        options: The options of the call.
        is_streamed: Whether the reply is streamed.
        is_structured: Whether the reply must satisfy a schema, which the core enforces.
    """

    messages: list[Message]
    options: dict[str, Any]
    is_streamed: bool = False
    is_structured: bool = False


def parse_request(body: dict[str, Any], plan: CallPlan, headers: VersionHeaders = NO_HEADERS) -> MessagesCall:
    """
    Translate a request for a message.

    Args:
        body: The body, without what `plan_call` has taken out of it. It is emptied.
        plan: The plan of the call.
        headers: The headers of Anthropic's API, which only Anthropic gets.

    Raises:
        ProblemError: A field is missing, not valid, or not supported by the model.
    """
    is_streamed = read(body, "stream", bool) or False
    maximum = require(body, "max_tokens", int)
    for name in ("stream", "max_tokens"):
        body.pop(name, None)
    call = parse_prompt(body, plan, headers)
    if maximum == 0 and plan.api == VENDOR:  # fills the vendor's prompt cache, and generates nothing
        _add_extra(call.options, {"max_tokens": 0})
    elif maximum < 1:
        raise reject("max_tokens must be at least 1.", param="max_tokens")
    else:
        call.options["max_tokens"] = maximum
    call.is_streamed = is_streamed
    return call


def parse_prompt(body: dict[str, Any], plan: CallPlan, headers: VersionHeaders = NO_HEADERS) -> MessagesCall:
    """Translate what a request for a message has in common with one to count its tokens; see `parse_request`."""
    items = require(body, "messages", list)
    if not items:
        raise reject("messages must contain at least one message.", param="messages")
    parser = MessageParser(plan)
    system = parser.parse_system(body.pop("system", None))
    messages = [*([system] if system else ()), *parser.parse(items)]
    del body["messages"]
    options = {**_parse_sampling(body), **_parse_tools(body, plan)}
    if (lifetime := read_cache_lifetime(body)) is not None:
        options["prompt_cache"] = lifetime
    body.pop("cache_control", None)
    tag = _check_metadata(body)
    call = MessagesCall(messages, options)
    if plan.api == VENDOR:
        _add_extra(options, body | _encode_headers(headers, body))
    else:
        _translate(body, plan, headers.betas, call)
    if tag is not None:
        options["tags"] = {"user": tag[:MAX_TAG_LENGTH]}
    return call


def _parse_sampling(body: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name in ("temperature", "top_p"):
        if (value := read(body, name, float)) is not None:
            options[name] = value
        body.pop(name, None)
    stop = read(body, "stop_sequences", list)
    if stop and not all(isinstance(text, str) for text in stop):
        raise reject("stop_sequences must be a list of strings.", param="stop_sequences")
    if stop:
        options["stop"] = stop
    body.pop("stop_sequences", None)
    return options


def _parse_tools(body: dict[str, Any], plan: CallPlan) -> dict[str, Any]:
    tools, choice = read(body, "tools", list), read(body, "tool_choice", dict)
    options = parse_tools(tools, plan) if tools else {}
    if choice:
        options |= parse_tool_choice(choice, options)
    for name in ("tools", "tool_choice"):
        body.pop(name, None)
    return options | ({"execute_tools": False} if options else {})


def _check_metadata(body: dict[str, Any]) -> str | None:
    """Return the id of the user in ``metadata``, which only Anthropic gets."""
    metadata = read(body, "metadata", dict)
    return read(metadata, "user_id", str, "metadata") if metadata else None


def _encode_headers(headers: VersionHeaders, body: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with which the provider sends the headers."""
    encoded: dict[str, Any] = {"anthropic_version": headers.version} if headers.version else {}
    betas = [*headers.betas, *(read(body, "betas", list) or ())]
    return encoded | ({"betas": betas} if betas else {})


def _add_extra(options: dict[str, Any], fields: dict[str, Any]) -> None:
    if fields:
        options["extra"] = {**options.get("extra", {}), **fields}


def _translate(body: dict[str, Any], plan: CallPlan, betas: Sequence[str], call: MessagesCall) -> None:
    """Translate the fields that others than Anthropic do not have."""
    body.pop("metadata", None)
    details = plan.configuration.client.model(plan.options["model"])
    if betas:
        plan.leave_out("anthropic-beta", _ONLY_ANTHROPIC)
    output = read(body, "output_config", dict) or {}
    effort = read(output, "effort", str, "output_config")
    call.options |= _translate_thinking(read(body, "thinking", dict), effort, plan, details)
    if schema := _find_schema(body, output):
        call.options["schema"] = schema
        call.is_structured = True
    for name in output.keys() - {"effort", "format"}:
        plan.leave_out(f"output_config.{name}", _ONLY_ANTHROPIC)
    for name in ("thinking", "output_config", "output_format"):
        body.pop(name, None)
    _leave_out_others(body, plan)


def _leave_out_others(body: dict[str, Any], plan: CallPlan) -> None:
    for name, value in body.items():
        if value in (None, [], {}):
            continue
        if name in _REJECTED:
            raise reject_unsupported(name, f"only Anthropic has it, and {plan.name} is not its model")
        if name not in _LEFT_OUT:
            raise reject(f"Unknown field {name!r}.", param=name, code="unknown_field")
        plan.leave_out(name, _ONLY_ANTHROPIC)


def _find_schema(body: dict[str, Any], output: dict[str, Any]) -> dict[str, Any] | None:
    """Return the JSON schema of the reply: of ``output_config.format``, or of its older name ``output_format``."""
    form, where = read(output, "format", dict, "output_config"), "output_config.format"
    if form is None:
        form, where = read(body, "output_format", dict), "output_format"
    if form is None:
        return None
    if form.get("type") != "json_schema":
        raise reject(f"{where}.type must be 'json_schema'.", param=f"{where}.type")
    return check_patterns(require(form, "schema", dict, where), f"{where}.schema")


def _translate_thinking(
    thinking: dict[str, Any] | None, effort: str | None, plan: CallPlan, details: ModelDetails
) -> dict[str, Any]:
    if effort is not None and effort not in _EFFORTS:
        raise reject(f"output_config.effort must be one of {', '.join(_EFFORTS)}.", param="output_config.effort")
    options = {"reasoning_effort": effort} if effort else {}
    if thinking is None:
        return options
    if thinking.get("display") is not None:
        plan.leave_out("thinking.display", _ONLY_ANTHROPIC)
    match require(thinking, "type", str, "thinking"):
        case "adaptive":
            return options
        case "disabled":
            return {"reasoning_effort": "none"} if _thinks(details) else {}
        case "enabled":
            budget = require(thinking, "budget_tokens", int, "thinking")
            return _translate_budget(budget, options, plan)
        case _:
            message = "thinking.type must be 'enabled', 'adaptive' or 'disabled'."
            raise reject(message, param="thinking.type")


def _translate_budget(budget: int, options: dict[str, Any], plan: CallPlan) -> dict[str, Any]:
    if budget < _MIN_BUDGET:
        raise reject(f"thinking.budget_tokens must be at least {_MIN_BUDGET}.", param="thinking.budget_tokens")
    if plan.api != "openai":
        return options | {"reasoning_budget": budget}
    if options:  # an effort was passed, too
        plan.leave_out("thinking.budget_tokens", "the model takes an effort")
        return options
    effort = next((effort for tokens, effort in _EFFORTS_OF_BUDGETS if budget <= tokens), "high")
    reason = f"the model takes an effort: {effort}"
    plan.adaptations.append(Adaptation(parameter="thinking.budget_tokens", action="changed", reason=reason))
    return {"reasoning_effort": effort}


def _thinks(details: ModelDetails) -> bool:
    """Tell whether a model is known to think."""
    return details.is_known and Capability.REASONING in details.capabilities
