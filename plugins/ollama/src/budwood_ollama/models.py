"""Decode Ollama's models: ``/api/tags`` lists them, ``/api/show`` describes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budwood.providing import parse_count
from budwood.types import ModelInfo


def decode_summary(row: Mapping[str, Any]) -> ModelInfo:
    """Decode a row of the list."""
    return ModelInfo(id=str(row.get("model") or row.get("name") or ""), raw=dict(row))


def decode_details(model: ModelInfo, shown: Mapping[str, Any]) -> ModelInfo:
    """Add the details from ``/api/show`` to a model of the list."""
    window = _context_window(shown.get("model_info") or {})
    return model.model_copy(update={"context_window": window, "raw": {**model.raw, **shown}})


def _context_window(info: Mapping[str, Any]) -> int | None:
    """Return the context window, whose key starts with the architecture: ``llama.context_length``."""
    architecture = info.get("general.architecture")
    window = info.get(f"{architecture}.context_length")
    if window is None:
        window = next((value for key, value in info.items() if key.endswith(".context_length")), None)
    return parse_count(window)
