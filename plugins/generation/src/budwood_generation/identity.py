"""The identity of a run: what determines its prompts, by key, so that a difference can be explained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from budwood.types.record import JSON
from budwood_generation.cells import make_digest
from budwood_generation.plugins import RunPlugins
from budwood_generation.spec import GenerationSpec

FREE_KEYS: Final = frozenset(
    {
        "attempts",
        "concurrency",
        "conversation.lane",
        "documents.exclude",
        "documents.paths",
        "documents.strict",
        "output",
        "patience",
        "pilot",
        "provenance",
        "row.lane",
        "rows",
        "storage",
    }
)
"""Keys of a specification that decide no prompt. Rows and documents are compared apart, since they may be added."""

FREE_OPTIONS: Final = frozenset({"keep_truncated", "max_tokens", "retries", "timeout"})
"""Options of models that may change: they decide which replies are accepted, but not what is asked."""

_MAX_CHARS: Final = 200
"""Longer values are stored as their hash."""
_SHOWN_KEYS: Final = 5


def identify(spec: GenerationSpec, plugins: RunPlugins, plan_version: int) -> dict[str, JSON]:
    """Return what determines the prompts of a run, by key of the specification."""
    saved = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    job = "conversation" if spec.conversation else "row"
    saved[job] = {key: value for key, value in saved[job].items() if key not in ("strategy", "modifiers")}
    saved[job] |= plugins.identity
    pairs = ((key.replace(".settings.", "."), value) for key, value in _flatten("", saved))
    identity: dict[str, JSON] = {key: _shorten(value) for key, value in pairs if not _is_free(key)}
    return {**identity, "plan version": plan_version}


def describe_differences(old: Mapping[str, JSON], new: Mapping[str, JSON]) -> str:
    """Return the keys in which two identities differ, with both values; empty if they are equal."""
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    shown = [f"{key} ({_show(old, key)} → {_show(new, key)})" for key in keys[:_SHOWN_KEYS]]
    more = [f"and {len(keys) - _SHOWN_KEYS} more"] if len(keys) > _SHOWN_KEYS else []
    return ", ".join([*shown, *more])


def _flatten(key: str, value: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield the parts of a value with their keys, separated by dots."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flatten(f"{key}.{name}" if key else name, inner)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, inner in enumerate(value):
            yield from _flatten(f"{key}.{number}", inner)
    else:
        yield key, value


def _is_free(key: str) -> bool:
    parts: Sequence[str] = key.split(".")
    is_option = len(parts) == 3 and parts[1].endswith("options") and parts[2] in FREE_OPTIONS
    return is_option or any(key == free or key.startswith(f"{free}.") for free in FREE_KEYS)


def _shorten(value: JSON) -> JSON:
    text = json.dumps(value)
    return value if len(text) <= _MAX_CHARS else f"sha256:{make_digest(value)}"


def _show(identity: Mapping[str, JSON], key: str) -> str:
    if key not in identity:
        return "not set"
    value = identity[key]
    if isinstance(value, str) and value.startswith("sha256:"):
        return f"{value[:15]}…"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
