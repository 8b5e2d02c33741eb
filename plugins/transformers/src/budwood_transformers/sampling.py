"""How a request's parameters become options of ``generate``, and which of them do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from budwood.errors import InvalidRequestError
from budwood.types import JSON, Adaptation, ChatRequest, ModelRules, NamedTool


class GenerateOptions(BaseModel):
    """
    What ``extra`` may hold for ``generate``. Beams and several replies at once cannot be streamed.

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
"""What ``extra`` may hold for the chat template, such as ``{"enable_thinking": false}``."""

_OURS: Final = frozenset(
    "add_generation_prompt chat_template continue_final_message conversation messages padding return_dict "
    "return_tensors tokenize tools truncation".split()
)
"""What is given to the template in any case, or would change what comes back from it."""

_COLD: Final = 1e-6
"""Lower temperatures choose as 0 does, but divide by what the arithmetic of scores takes for 0."""

_SAMPLED: Final = ("temperature", "top_p")
_TAKEN: Final = (*_SAMPLED, "max_tokens", "stop", "seed", "frequency_penalty", "presence_penalty")
_NOT_TAKEN: Final = {
    "reasoning_effort": "a chat template may have a variable for it: extra={'chat_template_kwargs': {…}}",
    "reasoning_budget": "the library counts no reasoning apart",
    "parallel_tool_calls": "how many tools it calls is the model's own choice",
    "vendor_tools": "they are tools of another vendor",
}


def without_refused(request: ChatRequest, rules: ModelRules) -> ChatRequest:
    """Leave out what the catalog, or the user's rows in it, say that the model refuses."""
    refused: dict[str, object] = {name: () if name == "stop" else None for name in _TAKEN if name in rules.refuses}
    return request.model_copy(update=refused) if refused else request


def receipts(request: ChatRequest, rules: ModelRules) -> Iterator[Adaptation]:
    """Say which parameters are not taken as given."""
    for name in _TAKEN:
        if name in rules.refuses and getattr(request, name) not in (None, ()):
            yield Adaptation(parameter=name, action="dropped", reason=f"{request.model} rejects it")
    for name, reason in _NOT_TAKEN.items():
        if getattr(request, name) not in (None, ()):
            yield Adaptation(parameter=name, action="dropped", reason=reason)
    if request.tools and request.tool_choice == "required":
        yield Adaptation(parameter="tool_choice", action="dropped", reason="no template can make a model call a tool")
    if request.tools and isinstance(request.tool_choice, NamedTool):
        reason = "the tool is offered alone, but the model may still answer without it"
        yield Adaptation(parameter="tool_choice", action="changed", reason=reason)


def sampling_options(request: ChatRequest) -> dict[str, Any]:
    """
    Return the options of ``generate`` that decide which token comes next.

    A temperature of 0 takes the likeliest token; a temperature or ``top_p`` that is given makes it sample. What is not
    given is as the model's own ``generation_config.json`` says.

    Raises:
        InvalidRequestError: ``extra`` holds what is no such option, or a value that it cannot have.
    """
    extra = {name: value for name, value in request.extra.items() if name != TEMPLATE_OPTIONS}
    try:
        options = GenerateOptions.model_validate(extra).model_dump(exclude_unset=True)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, place['loc']))}: {place['msg']}" for place in error.errors())
        raise InvalidRequestError(
            f"extra= cannot be used: {wrong}.",
            param="extra",
            hint=f"Options are {', '.join(GenerateOptions.model_fields)} and {TEMPLATE_OPTIONS}.",
        ) from error
    given = {name: getattr(request, name) for name in _SAMPLED if getattr(request, name) is not None}
    if given.get("temperature", 1.0) < _COLD:
        return options | {"do_sample": False}
    return ({"do_sample": True} if given else {}) | given | options


def template_options(request: ChatRequest) -> dict[str, JSON]:
    """
    Return the variables that a request sets in the chat template.

    Raises:
        InvalidRequestError: They are no table, or set what is not theirs.
    """
    given = request.extra.get(TEMPLATE_OPTIONS, {})
    if not isinstance(given, dict):
        raise InvalidRequestError(
            f"{TEMPLATE_OPTIONS} is a {type(given).__name__}.", param="extra", hint="Give a table of variables."
        )
    if taken := sorted(given.keys() & _OURS):
        raise InvalidRequestError(
            f"{TEMPLATE_OPTIONS} sets {', '.join(taken)}.", param="extra", hint="Leave that out: it is set already."
        )
    return given
