"""Parameters of vendors that cannot raise the cost of a request. All others count as if they could."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

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
    service_tier n
    """.split()
)
"""Parameters of vendors that cannot raise the cost, or whose effect is counted here."""

HARMLESS_OF_TOOLS: Final = frozenset({"strict", "cache_control", "input_examples", "eager_input_streaming"})
"""Options of a tool that cannot raise the cost."""

_STANDARD_TIERS: Final = frozenset({"auto", "default", "standard", "standard_only", "on_demand", "flex", "batch"})
"""Tiers that have the standard price or a lower one, or that the settings of the account choose."""


_TIER_IN_BODY: Final = re.compile(rb'"service_?tier"\s*:\s*"([^"]*)"', re.IGNORECASE)
"""A service tier in an encoded request: of ``extra``, or of the settings of the provider."""


def find_costly_parameters(extra: Mapping[str, object], body: bytes, facts: ModelFacts | None) -> Iterator[str]:
    """
    Yield the reasons why parameters of a vendor may raise the cost of a request.

    Args:
        extra: The parameters.
        body: The encoded request.
        facts: The facts of the model, with the prices of its service tiers; None if they are not known.
    """
    for name in extra:
        if name not in HARMLESS:
            yield f"{name} in extra= can raise the cost"
    known = _STANDARD_TIERS.union(prices.service_tier or "" for prices in facts.prices) if facts else _STANDARD_TIERS
    for found in _TIER_IN_BODY.finditer(body):
        tier = found[1].decode("utf-8", "replace")
        if tier.lower() not in known:
            yield f"no price is known for the service tier {tier}"
