"""
What a content filter found, in the forms in which Azure is known to report it.

Gateways pass these forms on, so that they occur with any server of the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal


def filtered_categories(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the filter found, by category."""
    for holder in (_inner_error(error), error):
        for key in ("content_filter_result", "content_filter_results"):
            if isinstance(holder.get(key), Mapping):
                return dict(holder[key])
    found: dict[str, Any] = {}
    for verdict in _blocking(error):  # Responses
        results = verdict.get("content_filter_results")
        found.update(results if isinstance(results, Mapping) else {})
    return found


def filter_stage(error: Mapping[str, Any]) -> Literal["prompt", "output"]:
    """Return whether the filter blocked the prompt or the output."""
    of_output = any(verdict.get("source_type") == "completion" for verdict in _blocking(error))
    return "output" if of_output else "prompt"


def filter_code(error: Mapping[str, Any]) -> str | None:
    """Return the code of the inner error, which may be the only one that tells a filter."""
    code = _inner_error(error).get("code")
    return code if isinstance(code, str) else None


def _blocking(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    verdicts = error.get("content_filters")
    verdicts = verdicts if isinstance(verdicts, list) else []
    return [verdict for verdict in verdicts if isinstance(verdict, Mapping) and verdict.get("blocked")]


def _inner_error(error: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (error.get(key) for key in ("innererror", "inner_error"))
    return next((inner for inner in found if isinstance(inner, Mapping)), {})
