"""Find all text that can be reached from an error."""

from __future__ import annotations

from pydantic import ValidationError


def get_reachable_text(error: BaseException) -> str:
    """Return, as one text, all objects reachable from an error through attributes, arguments, causes and contexts."""
    seen: dict[int, object] = {}
    waiting: list[object] = [error]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type):
            continue
        seen[id(value)] = value
        if isinstance(value, BaseException):
            waiting += [value.__cause__, value.__context__, *value.args, getattr(value, "object", None)]
        if isinstance(value, ValidationError):
            waiting += value.errors(include_url=False)
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple | set):
            waiting += value
        waiting += getattr(value, "__dict__", {}).values()
        waiting += [getattr(value, name, None) for name in getattr(type(value), "__slots__", ())]
    return repr(list(seen.values()))
