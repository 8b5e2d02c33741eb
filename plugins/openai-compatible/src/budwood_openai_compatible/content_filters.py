"""
Parse the results of content filters, in the forms that Azure uses.

Gateways pass these forms on, so any compatible server may send them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal


def parse_filter_results(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the results of the filter, by category."""
    for holder in (_inner_error(error), error):
        for key in ("content_filter_result", "content_filter_results"):
            if isinstance(holder.get(key), Mapping):
                return dict(holder[key])
    categories: dict[str, Any] = {}
    for result in _blocking_results(error):  # Responses
        results = result.get("content_filter_results")
        categories.update(results if isinstance(results, Mapping) else {})
    return categories


def parse_filter_stage(error: Mapping[str, Any]) -> Literal["prompt", "output"]:
    """Return whether the filter blocked the prompt or the output."""
    of_output = any(result.get("source_type") == "completion" for result in _blocking_results(error))
    return "output" if of_output else "prompt"


def parse_filter_code(error: Mapping[str, Any]) -> str | None:
    """Return the code of the inner error, which may be the only sign of a content filter."""
    code = _inner_error(error).get("code")
    return code if isinstance(code, str) else None


def _blocking_results(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    results = error.get("content_filters")
    results = results if isinstance(results, list) else []
    return [result for result in results if isinstance(result, Mapping) and result.get("blocked")]


def _inner_error(error: Mapping[str, Any]) -> Mapping[str, Any]:
    candidates = (error.get(key) for key in ("innererror", "inner_error"))
    return next((inner for inner in candidates if isinstance(inner, Mapping)), {})
