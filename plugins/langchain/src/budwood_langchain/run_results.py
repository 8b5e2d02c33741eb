"""What a run of any model of LangChain has to say: its reply and its usage, in Budwood's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from budwood import BudwoodError, ChatResponse, FinishReason, Message, Usage
from budwood.types import Part, TextPart
from budwood_langchain.messages import convert_messages

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "content_filter": "content_filter",
    "end_turn": "stop",
    "error": "error",
    "length": "length",
    "max_tokens": "length",
    "refusal": "refusal",
    "safety": "content_filter",
    "stop": "stop",
    "stop_sequence": "stop",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
}
"""The values of vendors in lower case."""

_STANDARD_TIERS: Final = frozenset({"auto", "default", "global", "not_available", "on_demand", "standard"})


class RunResult(NamedTuple):
    """
    The result of a run.

    Attributes:
        response: The first reply; None if nothing has arrived.
        usage: Its tokens; None if they are not known.
        provider: The provider that answered, which may be a backup; otherwise that of the model.
        requested_model: The model that was requested from it; empty if only the run says so.
        model: The model that answered; empty if that is not known.
        service_tier: The tier with prices of its own in which the vendor answered; None for the standard tier.
        cached: Whether a cache answered.
    """

    response: ChatResponse | None
    usage: Usage | None
    provider: str
    requested_model: str
    model: str
    service_tier: str | None
    cached: bool


def read_result(result: LLMResult | None, provider: str) -> RunResult:
    """
    Read the result of a run. Several choices have the same usage, so that the first one counts.

    Args:
        result: The result; None if there is none.
        provider: The provider of the model.
    """
    generation = next((each[0] for each in (result.generations if result is not None else ()) if each), None)
    if result is None or generation is None:
        return RunResult(None, None, provider, "", "", None, cached=False)
    message = generation.message if isinstance(generation, ChatGeneration) else None
    metadata = {**(result.llm_output or {}), **(generation.generation_info or {})}
    metadata |= message.response_metadata if message is not None else {}
    provider, requested = _find_target(metadata) or (provider, "")
    counts = _find_counts(message, metadata)
    usage = None if counts is None else _make_usage(counts, metadata)
    model = str(metadata.get("model_name") or metadata.get("model") or "").removeprefix(f"{provider}/")
    reason = str(metadata.get("finish_reason") or metadata.get("stop_reason") or "stop")
    response = ChatResponse(
        message=_make_message(message, generation),
        finish_reason=_FINISH_REASONS.get(reason.lower(), "other"),
        raw_finish_reason=reason,
        usage=usage or Usage(),
        provider=provider,
        model=model,
        id=message.id if message is not None else None,
    )
    tier = str(metadata.get("service_tier") or "").lower()
    cached = metadata.get("cached") is True or (counts is not None and counts.get("total_cost") == 0)
    special_tier = None if tier in _STANDARD_TIERS else tier or None
    return RunResult(response, usage, provider, requested, model, special_tier, cached)


def make_messages(messages: Sequence[BaseMessage]) -> tuple[Message, ...] | None:
    """Convert the messages of any model; None if they have forms that only its vendor knows."""
    try:
        converted = convert_messages(messages)
    except BudwoodError:
        return None
    made = [_complete(message) for message in converted]
    known = tuple(message for message in made if message is not None)
    return known if len(known) == len(made) else None


def _find_target(metadata: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the provider that answered, and the model that was requested from it, if it is a reply of Budwood."""
    if metadata.get("model_provider") != "budwood":
        return None
    provider = str(metadata.get("provider") or "")
    succeeded = [each for each in metadata.get("attempts") or () if not each.get("error") and not each.get("skipped")]
    requested = next((each.get("model") for each in reversed(succeeded) if each.get("provider") == provider), None)
    return (provider, requested or "") if provider else None


def _complete(message: Message | Mapping[str, Any]) -> Message | None:
    if isinstance(message, Message):
        return message
    parts: Sequence[Part | Mapping[str, Any]] = message["content"]
    if message["role"] not in ("system", "developer", "user", "assistant") or isinstance(parts, str):
        return None
    known = tuple(part for part in parts if not isinstance(part, Mapping))
    return Message(role=message["role"], parts=known, name=message["name"]) if len(known) == len(parts) else None


def _make_message(message: BaseMessage | None, generation: Generation) -> Message:
    converted = make_messages([message]) if isinstance(message, AIMessage) else None
    return converted[0] if converted else Message(role="assistant", parts=(TextPart(text=generation.text),))


# Usage.


def _find_counts(message: BaseMessage | None, metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the counts in LangChain's form, or in that of older models; None if the vendor reported none."""
    own = message.usage_metadata if isinstance(message, AIMessage) else metadata.get("usage_metadata")
    if own:
        return own
    older = metadata.get("token_usage") or metadata.get("usage")
    if not isinstance(older, Mapping):
        return None
    names = (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"))
    counts = {name: older.get(name, older.get(other)) for name, other in names}
    return counts if any(count is not None for count in counts.values()) else None


def _make_usage(counts: Mapping[str, Any], metadata: Mapping[str, Any]) -> Usage:
    read = counts.get("input_token_details") or {}
    written = counts.get("output_token_details") or {}
    cost = metadata.get("cost") if metadata.get("model_provider") == "budwood" else None
    return Usage(
        input_tokens=counts.get("input_tokens"),
        output_tokens=counts.get("output_tokens"),
        cache_read_tokens=read.get("cache_read"),
        cache_write_tokens=read.get("cache_creation"),
        reasoning_tokens=written.get("reasoning"),
        reported_cost=None if cost is None or metadata.get("cached") else Decimal(str(cost)),
        raw={name: value for name, value in counts.items() if isinstance(value, int | dict)},
    )
