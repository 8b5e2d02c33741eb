"""Say how a call differs from what was recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Final

from pydantic_core import from_json

from budwood_testing.cassettes.tape import RecordedCall

_MOST_LINES: Final = 16
_LONGEST_LINE: Final = 160


def difference(call: RecordedCall, recorded: Sequence[RecordedCall]) -> str:
    """Describe, in a few lines, how a call differs from the recorded one that is nearest to it."""
    nearest = max(recorded, key=lambda one: _likeness(call, one))
    lines = list(
        unified_diff(_lines(nearest), _lines(call), "the nearest recording", "this call", lineterm="", n=1),
    )
    shown = [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …" for line in lines[:_MOST_LINES]]
    left = len(lines) - len(shown)
    return "\n".join([*shown, *([f"… and {left} more lines"] if left else [])])


def _likeness(call: RecordedCall, recorded: RecordedCall) -> float:
    same_place = (call.method, call.url) == (recorded.method, recorded.url)
    return same_place + SequenceMatcher(None, _lines(recorded), _lines(call), autojunk=False).ratio()


def _lines(call: RecordedCall) -> list[str]:
    try:
        body = json.dumps(from_json(call.body), indent=1, sort_keys=True, ensure_ascii=False)
    except ValueError:
        body = call.body.decode("utf-8", "backslashreplace")
    return [f"{call.method} {call.url}", *body.splitlines()]
