"""Convert request parameters to options of ``generate``, and report those that are not supported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from budwood.errors import InvalidRequestError
from budwood.types import JSON, Adaptation, ChatRequest, ModelRules, NamedTool


class GenerateOptions(BaseModel):
    """
    Options of ``generate`` that ``extra`` accepts. Beam search and several replies cannot be streamed.

    Meanings and ranges: https://huggingface.co/docs/transformers/main_classes/text_generation
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    do_sample: bool | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    typical_p: Annotated[float, Field(gt=0, le=1)] | None = None
    epsilon_cutoff: Annotated[float, Field(ge=0, lt=1)] | None = None
    eta_cutoff: Annotated[float, Field(ge=0, lt=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    no_repeat_ngram_size: Annotated[int, Field(ge=0)] | None = None


TEMPLATE_OPTIONS: Final = "chat_template_kwargs"
"""The key of ``extra`` for variables of the chat template, such as ``{"enable_thinking": false}``."""

_RESERVED: Final = frozenset(
    "add_generation_prompt chat_template continue_final_message conversation messages padding return_dict "
    "return_tensors tokenize tools truncation".split()
)
"""Arguments of the chat template that Budwood sets, or that would change its result."""

_MIN_TEMPERATURE: Final = 1e-6
"""Lower temperatures have the effect of 0, but would overflow the division."""

_SAMPLED: Final = ("temperature", "top_p")
_SUPPORTED: Final = (*_SAMPLED, "max_tokens", "stop", "seed", "frequency_penalty", "presence_penalty")
_UNSUPPORTED: Final = {
    "reasoning_effort": "a chat template may have a variable for it: extra={'chat_template_kwargs': {…}}",
    "reasoning_budget": "the library does not count reasoning tokens",
    "parallel_tool_calls": "the model decides how many tools it calls",
    "vendor_tools": "vendor tools are not supported",
}


def without_rejected_parameters(request: ChatRequest, rules: ModelRules) -> ChatRequest:
    """Remove parameters that the model does not support according to the catalog."""
    rejected: dict[str, object] = {name: () if name == "stop" else None for name in _SUPPORTED if name in rules.refuses}
    return request.model_copy(update=rejected) if rejected else request


def list_adaptations(request: ChatRequest, rules: ModelRules) -> Iterator[Adaptation]:
    """Yield the parameters that are dropped or changed."""
    for name in _SUPPORTED:
        if name in rules.refuses and getattr(request, name) not in (None, ()):
            yield Adaptation(parameter=name, action="dropped", reason=f"{request.model} rejects it")
    for name, reason in _UNSUPPORTED.items():
        if getattr(request, name) not in (None, ()):
            yield Adaptation(parameter=name, action="dropped", reason=reason)
    if request.tools and request.tool_choice == "required":
        yield Adaptation(parameter="tool_choice", action="dropped", reason="a chat template cannot force a tool call")
    if request.tools and isinstance(request.tool_choice, NamedTool):
        reason = "only this tool is offered, but the model may answer without calling it"
        yield Adaptation(parameter="tool_choice", action="changed", reason=reason)


def sampling_options(request: ChatRequest) -> dict[str, Any]:
    """
    Return the options of ``generate`` for choosing tokens.

    A temperature of 0 selects the most likely token; any other temperature or a ``top_p`` enables sampling. Other
    options keep the values of the model's ``generation_config.json``.

    Raises:
        InvalidRequestError: ``extra`` has an unknown option or an invalid value.
    """
    extra = {name: value for name, value in request.extra.items() if name != TEMPLATE_OPTIONS}
    try:
        options = GenerateOptions.model_validate(extra).model_dump(exclude_unset=True)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
        raise InvalidRequestError(
            f"Invalid extra=: {problems}.",
            param="extra",
            hint=f"Use only {', '.join(GenerateOptions.model_fields)} and {TEMPLATE_OPTIONS}.",
        ) from error
    values = {name: getattr(request, name) for name in _SAMPLED if getattr(request, name) is not None}
    if values.get("temperature", 1.0) < _MIN_TEMPERATURE:
        return options | {"do_sample": False}
    return ({"do_sample": True} if values else {}) | values | options


def template_options(request: ChatRequest) -> dict[str, JSON]:
    """
    Return the variables for the chat template.

    Raises:
        InvalidRequestError: They are not an object, or use a reserved name.
    """
    variables = request.extra.get(TEMPLATE_OPTIONS, {})
    if not isinstance(variables, dict):
        raise InvalidRequestError(
            f"{TEMPLATE_OPTIONS} is a {type(variables).__name__}.", param="extra", hint="Use a dictionary of variables."
        )
    if reserved := sorted(variables.keys() & _RESERVED):
        raise InvalidRequestError(
            f"{TEMPLATE_OPTIONS} sets {', '.join(reserved)}.", param="extra", hint="Remove it: Budwood sets it."
        )
    return variables
