"""Search an object, and all objects that it refers to, for text."""

from __future__ import annotations

import gc
import logging
import types
from typing import Final

_SKIPPED_TYPES: Final = (type, types.ModuleType, types.BuiltinFunctionType, types.FrameType, logging.Logger)
"""References to these types are not followed: they lead to the rest of the program."""


def contains_text(owner: object, text: str) -> bool:
    """Return whether a string or bytes that are reachable from an object contain the text."""
    seen: dict[int, object] = {}
    pending = [owner]
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, _SKIPPED_TYPES):
            continue
        seen[id(value)] = value  # keeps the object alive, so that its id is not reused
        if isinstance(value, str) and text in value:
            return True
        if isinstance(value, bytes | bytearray) and text.encode() in value:
            return True
        pending.extend(_referents(value))
    return False


def _referents(value: object) -> list[object]:
    if isinstance(value, types.FunctionType):  # without its globals, which are the module
        return [value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__]
    return gc.get_referents(value)
