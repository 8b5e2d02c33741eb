"""Describe how a call differs from the recorded calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Final

from pydantic_core import from_json

from budwood_testing.cassettes.cassette_file import RecordedCall

_MAX_LINES: Final = 16
_MAX_LINE_LENGTH: Final = 160


def difference(call: RecordedCall, recorded: Sequence[RecordedCall]) -> str:
    """Return a short diff between a call and the most similar recorded call."""
    nearest = max(recorded, key=lambda one: _similarity(call, one))
    lines = list(
        unified_diff(_lines(nearest), _lines(call), "the most similar recording", "this call", lineterm="", n=1),
    )
    shown = [line if len(line) <= _MAX_LINE_LENGTH else f"{line[:_MAX_LINE_LENGTH]} …" for line in lines[:_MAX_LINES]]
    omitted = len(lines) - len(shown)
    return "\n".join([*shown, *([f"… and {omitted} more lines"] if omitted else [])])


def _similarity(call: RecordedCall, recorded: RecordedCall) -> float:
    same_target = (call.method, call.url) == (recorded.method, recorded.url)
    return same_target + SequenceMatcher(None, _lines(recorded), _lines(call), autojunk=False).ratio()


def _lines(call: RecordedCall) -> list[str]:
    try:
        body = json.dumps(from_json(call.body), indent=1, sort_keys=True, ensure_ascii=False)
    except ValueError:
        body = call.body.decode("utf-8", "backslashreplace")
    return [f"{call.method} {call.url}", *body.splitlines()]
