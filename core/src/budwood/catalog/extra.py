"""Parameters of vendors that cannot raise the cost of a request. All others count as if they could."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from budwood.types import ModelFacts

HARMLESS: Final = frozenset(
    """
    temperature top_p top_k top_a min_p typical_p repetition_penalty repeat_penalty frequency_penalty presence_penalty
    penalize_newline mirostat mirostat_eta mirostat_tau tfs_z logit_bias logprobs top_logprobs seed random_seed stop
    stop_sequences suffix user metadata safety_identifier prompt_cache_key prompt_cache_retention store verbosity text
    response_format response_mime_type stream_options parallel_tool_calls parallel_function_calling include truncation
    reasoning reasoning_effort reasoning_format include_reasoning include_thoughts safety_settings safetySettings
    safe_prompt guardrails encoding_format input_type truncate task_type dimensions output_dimension keep_alive raw
    service_tier n background max_tool_calls tool_choice function_call
    """.split()
)
"""Parameters of vendors that cannot raise the cost, or whose effect is counted here."""

HARMLESS_OF_TOOLS: Final = frozenset({"strict", "cache_control", "input_examples", "eager_input_streaming"})
"""Options of a tool that cannot raise the cost."""

_STANDARD_TIERS: Final = frozenset({"auto", "default", "standard", "standard_only", "on_demand", "flex", "batch"})
"""Tiers that have the standard price or a lower one, or that the settings of the account choose."""


_TIER_IN_BODY: Final = re.compile(rb'"service_?tier"\s*:\s*"([^"]*)"', re.IGNORECASE)
"""A service tier in an encoded request: of ``extra``, or of the settings of the provider."""


OUTPUT_LENGTHS: Final = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"})
"""Vendors' names of `max_tokens`."""

CONTENTS: Final = frozenset({"input", "messages", "prompt", "instructions", "system"})
"""Parameters of vendors with contents, which are bounded by their bytes if all are texts."""

_TOOLS: Final = frozenset({"tools", "functions"})
_TOOL_TYPES: Final = frozenset({None, "function", "custom"})
_CLIENT_TOOL: Final = frozenset({"name", "function", "custom"})
"""What the definition of a tool has that the client runs: one of them."""

_HARMLESS_VALUES: Final[Mapping[str, object]] = {"modalities": ["text"]}

_TEXT_TYPES: Final = frozenset(
    """
    message text input_text output_text refusal function function_call function_call_output custom custom_tool_call
    custom_tool_call_output reasoning reasoning_text summary_text
    """.split()
)
"""Types of items and parts that are texts."""

_TEXT_FIELDS: Final = frozenset(
    """
    type role name id status phase text refusal content arguments input output call_id tool_call_id function custom
    function_call tool_calls summary encrypted_content annotations logprobs cache_control
    """.split()
)
"""Their fields. A reference to something else has others, such as ``file_id``."""

_NESTED: Final = ("content", "output", "summary", "tool_calls")
"""The fields that have parts."""


class UnknownCost(NamedTuple):
    """
    Why the highest cost of a request is not known.

    Attributes:
        reason: The reason.
        parameter: The vendor's parameter that is the cause; None if it is something else.
    """

    reason: str
    parameter: str | None = None


def find_costly_parameters(extra: Mapping[str, object], body: bytes, facts: ModelFacts | None) -> Iterator[UnknownCost]:
    """
    Yield the reasons why parameters of a vendor may raise the cost of a request.

    Args:
        extra: The parameters.
        body: The encoded request.
        facts: The facts of the model, with the prices of its service tiers; None if they are not known.
    """
    for name, value in extra.items():
        if name in HARMLESS or value is None or _HARMLESS_VALUES.get(name) == value:
            continue
        if name in CONTENTS:
            if (kind := find_other_content(value)) is not None:
                yield UnknownCost(f"{name} in extra= contains {kind}, whose tokens are not known", name)
        elif name not in _TOOLS:
            yield UnknownCost(f"{name} in extra= can raise the cost", name)
        elif not (isinstance(value, list) and all(map(_runs_at_client, value))):
            yield UnknownCost("tools that run at the vendor can use any number of tokens", name)
    known = _STANDARD_TIERS.union(prices.service_tier or "" for prices in facts.prices) if facts else _STANDARD_TIERS
    for found in _TIER_IN_BODY.finditer(body):
        tier = found[1].decode("utf-8", "replace")
        if tier.lower() not in known:
            yield UnknownCost(f"no price is known for the service tier {tier}", "service_tier")


def find_other_content(value: object) -> str | None:
    """Return the kind of the first content that is not text, such as ``"input_image"``; None if all of it is."""
    if isinstance(value, list):
        return next(filter(None, map(find_other_content, value)), None)
    if not isinstance(value, Mapping):
        return None  # texts, and tokens as numbers
    kind = value.get("type")
    if kind is None and "role" not in value:
        return "a reference"
    if kind is not None and kind not in _TEXT_TYPES:
        return str(kind)
    if kind == "reasoning" and not value.get("encrypted_content"):
        return "reasoning that the vendor stores"
    if unknown := next((name for name in value if name not in _TEXT_FIELDS and value[name] is not None), None):
        return str(unknown)
    return next(filter(None, (find_other_content(value.get(name)) for name in _NESTED)), None)


def _runs_at_client(tool: object) -> bool:
    is_known = isinstance(tool, Mapping) and tool.get("type") in _TOOL_TYPES
    return is_known and not _CLIENT_TOOL.isdisjoint(tool)  # type: ignore[arg-type] # it is a mapping
