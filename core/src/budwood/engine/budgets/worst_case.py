"""
The most tokens and the highest cost that a request can have.

Input has at most as many tokens as the encoded request has bytes: a token has at least one byte, and the encoding adds
more bytes to each message than chat templates add tokens. What vendors add beside the messages is a fixed allowance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.catalog.extra import CONTENTS, HARMLESS_OF_TOOLS, OUTPUT_LENGTHS, UnknownCost, find_costly_parameters
from budwood.types import (
    Adaptation,
    ChatRequest,
    EmbeddingRequest,
    ImagePart,
    MediaPart,
    ModelRules,
    ModerationRequest,
    ReasoningPart,
    ToolResultPart,
    TranscriptionRequest,
    Usage,
    VendorPart,
)

if TYPE_CHECKING:
    from budwood.types import Body, ModelFacts

HIDDEN_TOKENS: Final = 256
"""What chat templates add to any request: the preambles of open models have fewer than 100 tokens."""

HIDDEN_TOKENS_OF_TOOLS: Final = 1024
"""What vendors add to explain tools or a schema: several hundred tokens, where they document it."""

MIN_ENCRYPTED: Final = 64
"""Reasoning is sent back as text or encrypted. Without any text of this length it is only a reference."""

MIN_AUDIO_SECONDS: Final = 10
"""What some vendors charge for shorter audio. All round up to seconds."""

_NOT_IN_TEXT: Final = frozenset({"audio", "video"})
"""Kinds of tokens that only occur if the request contains such media or asks for them, which is refused itself."""


_PLURALS: Final = {"image": "images", "audio": "audio", "video": "videos", "document": "documents"}


class WorstCase(NamedTuple):
    """
    The most that a request can use.

    Attributes:
        tokens: The maximum number of tokens, input and output together.
        dollars: The highest cost, or 0 if the price is not known.
        unbounded: Why it could use more tokens than these; None if it cannot.
        no_price: Why it could cost more than this, if it uses these tokens; None if it cannot.
        parameter: The vendor's parameter because of which it is unbounded; None if that is another part of it.
    """

    tokens: int
    dollars: Decimal
    unbounded: str | None = None
    no_price: str | None = None
    parameter: str | None = None


def compute_worst_case(
    request: Any,  # noqa: ANN401 - each service has its own request
    *,
    body: Body,
    counted: int | None,
    rules: ModelRules,
    facts: ModelFacts | None,
    adaptations: Collection[Adaptation],
    moment: datetime,
    seconds: float | None = None,
) -> WorstCase:
    """
    Return the most that a request can use.

    Args:
        request: The request, adapted to its model.
        body: The encoded request.
        counted: The exact number of its input tokens; None if it is not known.
        rules: The rules of the model.
        facts: The facts of the model; None if the catalog has none.
        adaptations: What the encoder changed.
        moment: The time, with a time zone.
        seconds: The duration of audio to transcribe; None if it is not known.
    """
    units = _cost_of_units(request, facts, moment, seconds)
    unknown = None
    if not isinstance(body, bytes):
        body, unknown = b"", None if units is not None else UnknownCost("the tokens of files are not known")
    unknown = unknown or next(_find_unbounded(request, body, rules, facts, has_units=units is not None), None)
    hidden, unknown_hidden = _bound_hidden_reasoning(request, rules, body)
    is_counted = counted is not None and CONTENTS.isdisjoint(getattr(request, "extra", ()))
    tokens_in = hidden + (counted or 0 if is_counted else len(body) + _allowance(request))
    tokens_out, unknown_output = _bound_output(request, rules, adaptations)
    dollars, no_price = (units, None) if units is not None else _compute_cost(facts, moment, tokens_in, tokens_out)
    reason, parameter = unknown or unknown_hidden or unknown_output or (None, None)
    return WorstCase(tokens_in + tokens_out, dollars, reason, no_price, parameter)


def _compute_cost(
    facts: ModelFacts | None, moment: datetime, tokens_in: int, tokens_out: int
) -> tuple[Decimal, str | None]:
    """Return the highest cost of tokens, or 0 if it is not known, and why not."""
    prices = facts.highest_prices(moment, tokens_in) if facts is not None else None
    dollars = prices.cost(tokens_in, tokens_out) if prices is not None else None
    if facts is not None and (apart := sorted(facts.apart - _NOT_IN_TEXT)):
        return dollars or Decimal(0), f"no price is known for {apart[0]} tokens"
    return dollars or Decimal(0), "no price is known for the model" if dollars is None else None


def _cost_of_units(
    request: object, facts: ModelFacts | None, moment: datetime, seconds: float | None
) -> Decimal | None:
    """Return the highest cost of a text to speak or of audio, if its model is priced by characters or hours alone."""
    if facts is None or facts.prices:
        return None
    text = getattr(request, "text", None)
    if "characters" in facts.media_prices and isinstance(text, str):
        return facts.cost(Usage(characters=len(text)), moment).dollars
    if "audio_hour" in facts.media_prices and isinstance(request, TranscriptionRequest) and seconds is not None:
        return facts.cost(Usage(audio_seconds=max(seconds + 1, MIN_AUDIO_SECONDS)), moment).dollars
    return None


def _allowance(request: object) -> int:
    has_tools = isinstance(request, ChatRequest) and (request.tools or request.output_schema or request.extra)
    return HIDDEN_TOKENS + (HIDDEN_TOKENS_OF_TOOLS if has_tools else 0)


def _bound_output(
    request: object, rules: ModelRules, adaptations: Collection[Adaptation]
) -> tuple[int, UnknownCost | None]:
    """Return the maximum number of output tokens, or why there is none."""
    if not isinstance(request, ChatRequest):
        return 0, None
    own = {name: value for name, value in request.extra.items() if name in OUTPUT_LENGTHS}
    if wrong := next((name for name, value in own.items() if not _is_count(value)), None):
        return 0, UnknownCost(f"{wrong} must be a whole number of 1 or more", wrong)
    limit = max((each for each in (request.max_tokens, *own.values()) if isinstance(each, int)), default=None)
    if any(each.parameter == "max_tokens" and each.action != "renamed" for each in adaptations):
        limit = None
    if limit is None:
        limit = rules.max_output_tokens
    choices = {"n": 1, **rules.defaults, **request.extra}["n"]
    if not isinstance(choices, int) or choices < 1:
        return 0, UnknownCost("the number of choices n is not valid", "n")
    if limit is None:
        return 0, UnknownCost("max_tokens is not sent to this model")
    return limit * choices * _count_prompts(request), None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _count_prompts(request: ChatRequest) -> int:
    """Return the number of prompts of a plain completion, each of which has an output. One can be a list of tokens."""
    prompts = request.extra.get("prompt")
    is_list = isinstance(prompts, list) and not all(isinstance(each, int) for each in prompts)
    return len(prompts) if isinstance(prompts, list) and is_list else 1


def _bound_hidden_reasoning(request: object, rules: ModelRules, body: bytes) -> tuple[int, UnknownCost | None]:
    """Bound the reasoning of earlier replies that the vendor stores, and that the request refers to only by its id."""
    if not isinstance(request, ChatRequest):
        return 0, None
    parts = [part for message in request.messages for part in message.parts if isinstance(part, ReasoningPart)]
    hidden = sum(
        isinstance(part.data, dict)
        and not _has_long_text(part.data)
        and str(part.data.get("id") or "").encode() in body  # not sent to another vendor
        for part in parts
    )
    if hidden and rules.max_output_tokens is None:
        return 0, UnknownCost("the vendor stores the reasoning of earlier replies, whose length is not known")
    return hidden * (rules.max_output_tokens or 0), None


def _has_long_text(value: object) -> bool:
    if isinstance(value, str):
        return len(value) >= MIN_ENCRYPTED
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(_has_long_text(each) for each in inner)


def _find_unbounded(
    request: object, body: bytes, rules: ModelRules, facts: ModelFacts | None, *, has_units: bool
) -> Iterator[UnknownCost]:
    """Yield the contents of a request that can use more tokens, or cost more, than its text."""
    defaults = {} if has_units else rules.defaults  # such as a voice: the price of the characters is the same
    yield from find_costly_parameters({**defaults, **_without_lengths(request)}, body, facts)
    if isinstance(request, ModerationRequest):
        if any(isinstance(part, ImagePart) for content in request.contents for part in content):
            yield UnknownCost("the tokens of images are not known")
    elif isinstance(request, ChatRequest):
        yield from map(UnknownCost, _find_unbounded_chat(request))
    elif not isinstance(request, EmbeddingRequest) and not has_units:
        yield UnknownCost("the cost of such requests is not known")


def _without_lengths(request: object) -> Mapping[str, object]:
    """Return the vendor's parameters without those that limit the output of a chat."""
    extra: Mapping[str, object] = getattr(request, "extra", {})
    if not isinstance(request, ChatRequest):
        return extra
    return {name: value for name, value in extra.items() if name not in OUTPUT_LENGTHS}


def _find_unbounded_chat(request: ChatRequest) -> Iterator[str]:
    if request.vendor_tools:
        yield "tools that run at the vendor can use any number of tokens"
    if any(tool.extra.keys() - HARMLESS_OF_TOOLS for tool in request.tools):
        yield "an option in the extra of a tool can raise the cost"
    for message in request.messages:
        for part in message.parts:
            contents = part.parts if isinstance(part, ToolResultPart) else (part,)
            for content in contents:
                if isinstance(content, MediaPart):
                    yield f"the tokens of {_PLURALS[content.type]} are not known"
                elif isinstance(content, VendorPart) and content.data is not None:
                    yield f"the tokens of {content.kind} are not known"
