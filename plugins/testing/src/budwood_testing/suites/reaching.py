"""Find text that an object holds, however deep."""

from __future__ import annotations

import gc
import logging
import types
from typing import Final

_NOT_ITS_OWN: Final = (type, types.ModuleType, types.BuiltinFunctionType, types.FrameType, logging.Logger)
"""What an object may refer to without holding it: behind these lies the whole program."""


def holds(owner: object, text: str) -> bool:
    """Tell whether an object, or one that it refers to, holds a text as part of a string or of bytes."""
    seen: dict[int, object] = {}
    left = [owner]
    while left:
        value = left.pop()
        if id(value) in seen or isinstance(value, _NOT_ITS_OWN):
            continue
        seen[id(value)] = value  # kept, so that no other object gets its id meanwhile
        if isinstance(value, str) and text in value:
            return True
        if isinstance(value, bytes | bytearray) and text.encode() in value:
            return True
        left.extend(_referents(value))
    return False


def _referents(value: object) -> list[object]:
    if isinstance(value, types.FunctionType):  # but not its module
        return [value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__]
    return gc.get_referents(value)
