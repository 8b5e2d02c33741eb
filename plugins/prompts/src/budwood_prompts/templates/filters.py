"""The filters of templates. Each counts its work, and those that lengthen texts check the length beforehand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from budwood_prompts.errors import RenderError
from budwood_prompts.templates.meter import Meter
from budwood_prompts.values import Scalar, Value

MAX_INDENT: Final = 100
_CHARACTERS_PER_WORD: Final = 20
_CHARACTERS_PER_ITEM: Final = 500
"""An item of a list counts as this many characters, beside its own."""
LEEWAY: Final = 5
"""Characters by which a text may be longer than `truncate` says, as in Jinja2."""

_MAX_CASE_GROWTH: Final = 3
"""Characters that one character becomes in upper or lower case, at most."""
_MAX_JSON_GROWTH: Final = 6
_MAX_JSON_NUMBER: Final = 32
_NEEDLE: Final = 100
"""Python searches for longer texts in linear time; for shorter ones, the product of both lengths is the worst case."""


@dataclass(frozen=True, slots=True)
class Filter:
    """
    A filter.

    Attributes:
        apply: Takes the meter, the value and the arguments.
        parameters: The types of its arguments by name.
        required: How many of them, from the first, it needs.
        check: Raises ``ValueError`` if the values of the arguments, which it takes by name, are not valid.
    """

    apply: Callable[..., Value]
    parameters: Mapping[str, type]
    required: int = 0
    check: Callable[..., None] | None = None

    def bind(self, arguments: tuple[object, ...], keywords: Mapping[str, object]) -> dict[str, Any]:
        """
        Return the arguments by name.

        Raises:
            ValueError: One is missing, unknown, given twice, of another type, or has a value that is not valid.
        """
        names = list(self.parameters)
        if len(arguments) > len(names) or not keywords.keys() <= {*names[len(arguments) :]}:
            raise ValueError(f"it takes only {', '.join(names)}" if names else "it takes no arguments")
        bound = dict(zip(names, arguments, strict=False)) | dict(keywords)
        if missing := [name for name in names[: self.required] if name not in bound]:
            raise ValueError(f"it needs {missing[0]}")
        for name, value in bound.items():
            kind = self.parameters[name]
            if kind is not object and type(value) is not kind:
                raise ValueError(f"{name} must be of type {kind.__name__}")
            if isinstance(value, int) and value < 0:
                raise ValueError(f"{name} must not be negative")
        if self.check is not None:
            self.check(**bound)
        return bound


def to_text(value: Value) -> str:
    """
    Return a value as a text; an optional variable without a value is empty.

    Raises:
        RenderError: The value is a list.
    """
    if isinstance(value, tuple):
        raise RenderError(
            "A list is used as a text.", hint="Join its items: {{ items|join(', ') }}, or write a loop over it."
        )
    return "" if value is None else str(value)


def count_search(text: str, part: str) -> int:
    """Return the characters that searching for a part of a text compares, at most."""
    return len(text) * max(min(len(part), _NEEDLE), 1)


def _change_case(change: Callable[[str], str]) -> Filter:
    def apply(meter: Meter, value: Value) -> str:
        text = to_text(value)
        meter.step(_MAX_CASE_GROWTH * len(text))
        changed = change(text)
        meter.check_length(len(changed))
        return changed

    return Filter(apply, {})


def _trim(meter: Meter, value: Value) -> str:
    text = to_text(value)
    meter.step(len(text))
    return text.strip()


def _truncate(meter: Meter, value: Value, length: int = 255, killwords: bool = False, end: str = "...") -> str:  # noqa: FBT001, FBT002 - arguments of templates
    text = to_text(value)
    meter.step(len(text))
    if len(text) <= length + LEEWAY:
        return text
    start = text[: length - len(end)]
    return (start if killwords else start.rsplit(" ", 1)[0]) + end


def _check_truncate(length: int = 255, end: str = "...", **_: object) -> None:
    if length < len(end):
        raise ValueError(f"the length {length} is less than that of the end {end!r}")


def _replace(meter: Meter, value: Value, old: str, new: str) -> str:
    text = to_text(value)
    meter.step(2 * count_search(text, old))
    length = len(text) + text.count(old) * (len(new) - len(old))
    meter.check_length(length)
    meter.step(length)
    return text.replace(old, new)


def _indent(meter: Meter, value: Value, width: int = 4, first: bool = False) -> str:  # noqa: FBT001, FBT002 - arguments of templates
    text = to_text(value)
    meter.step(len(text))
    lines = f"{text}\n".splitlines()
    length = len(text) + width * len(lines)
    meter.check_length(length)
    meter.step(length)
    space = " " * width
    rest = [f"{space}{line}" if line else line for line in lines[1:]]
    return "\n".join([f"{space}{lines[0]}" if first else lines[0], *rest])


def _check_indent(width: int = 4, **_: object) -> None:
    if width > MAX_INDENT:
        raise ValueError(f"the maximum width is {MAX_INDENT}")


def _count_words(meter: Meter, value: Value) -> int:
    text = to_text(value)
    meter.step(_CHARACTERS_PER_WORD * len(text))
    return sum(1 for _ in re.finditer(r"\w+", text))


def _length(meter: Meter, value: Value) -> int:  # noqa: ARG001 - as the others
    return len(value) if isinstance(value, tuple) else len(to_text(value))


def _item(place: int) -> Filter:
    def apply(meter: Meter, value: Value) -> Scalar | None:  # noqa: ARG001 - as the others
        items = value if isinstance(value, tuple) else to_text(value)
        return items[place] if items else None

    return Filter(apply, {})


def _join(meter: Meter, value: Value, d: str = "") -> str:
    items = value if isinstance(value, tuple) else to_text(value)
    meter.step(_CHARACTERS_PER_ITEM * len(items))
    texts = list(map(to_text, items))
    length = sum(map(len, texts)) + len(d) * max(len(texts) - 1, 0)
    meter.check_length(length)
    meter.step(length)
    return d.join(texts)


def _default(meter: Meter, value: Value, default_value: Value = "", boolean: bool = False) -> Value:  # noqa: ARG001, FBT001, FBT002
    is_empty = not value if boolean else value is None
    return default_value if is_empty else value


def _to_json(meter: Meter, value: Value) -> str:
    texts = value if isinstance(value, tuple) else (value,)
    length = sum(_MAX_JSON_GROWTH * len(text) if isinstance(text, str) else _MAX_JSON_NUMBER for text in texts)
    meter.check_length(length)
    meter.step(length + _CHARACTERS_PER_ITEM * len(texts))
    return json.dumps(value, ensure_ascii=False)


FILTERS: Final[Mapping[str, Filter]] = {
    "capitalize": _change_case(str.capitalize),
    "default": Filter(_default, {"default_value": object, "boolean": bool}),
    "first": _item(0),
    "indent": Filter(_indent, {"width": int, "first": bool}, check=_check_indent),
    "join": Filter(_join, {"d": str}),
    "last": _item(-1),
    "length": Filter(_length, {}),
    "lower": _change_case(str.lower),
    "replace": Filter(_replace, {"old": str, "new": str}, required=2),
    "tojson": Filter(_to_json, {}),
    "trim": Filter(_trim, {}),
    "truncate": Filter(_truncate, {"length": int, "killwords": bool, "end": str}, check=_check_truncate),
    "upper": _change_case(str.upper),
    "wordcount": Filter(_count_words, {}),
}
"""The filters by the names that Jinja2 gives them; their results are its results, except for ``tojson``."""
