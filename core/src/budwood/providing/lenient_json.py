"""Parse JSON with invalid characters, and join characters that a stream splits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from budwood.types import (
    Finished,
    MediaClosed,
    MediaDelta,
    ReasoningClosed,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextClosed,
    TextDelta,
    ToolCallClosed,
    ToolCallDelta,
)
from budwood.types.record import Record

REPLACEMENT: Final = "\ufffd"
"""The replacement for an invalid character, as in `bytes.decode`."""

_OFFSET: Final = 0x100000
"""
The offset of halves while a reply is decoded: U+D83D is represented by U+10D83D, in a private use area.

Pydantic and JSON encoders reject texts with surrogates, and accept these.
"""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_HALF: Final = re.compile("[\U0010d800-\U0010dfff]")
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_NOT_A_BYTE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_OPEN_END: Final = re.compile(
    "(?:[\U0010d800-\U0010dbff]"
    "|[\U0010dcc2-\U0010dcdf]"
    "|[\U0010dce0-\U0010dcef][\U0010dc80-\U0010dcbf]?"
    "|[\U0010dcf0-\U0010dcf4][\U0010dc80-\U0010dcbf]{0,2})\\Z"
)
"""The first half of a surrogate pair, or the first bytes of a UTF-8 sequence, at the end of a text."""


def parse_with_halves(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """
    Parse JSON whose texts may contain half surrogate pairs, invalid UTF-8 and raw control characters.

    The result contains halves and bytes as private characters. `repair` replaces them, and `HalfCharacters` joins them.

    Raises:
        ValueError: The data is invalid for another reason.
    """
    try:
        return _map_texts(json.loads(data.decode("utf-8-sig", "surrogateescape"), strict=False), _hide_text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def repair(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Join adjacent halves of characters in the texts of a value, and replace other halves by U+FFFD."""
    return _map_texts(value, _repair_text)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _map_texts(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map_texts(item, change) for item in value)
    if isinstance(value, Record):
        texts = {name: _map_texts(getattr(value, name), change) for name in type(value).model_fields}
        return value.model_copy(update=texts)
    return value


def _hide_text(text: str) -> str:
    return _SURROGATE.sub(lambda half: chr(ord(half[0]) + _OFFSET), text)


def _repair_text(text: str) -> str:
    if not _HALF.search(text):
        return text
    text = _HALF.sub(lambda half: chr(ord(half[0]) - _OFFSET), text)
    text = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _NOT_A_BYTE.sub(REPLACEMENT, text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_Key = tuple[type[Any], int, int]

_TEXTS: Final[dict[type[Any], str]] = {
    TextDelta: "text",
    ReasoningDelta: "text",
    RefusalDelta: "text",
    ToolCallDelta: "arguments",
    MediaDelta: "transcript",
}


class HalfCharacters:
    """Joins characters whose halves are in two events of a stream, and replaces other halves by U+FFFD."""

    def __init__(self) -> None:
        self._open: dict[_Key, str] = {}

    def feed(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        """Join halves of characters in events. A half at the end of a text is delayed until the next event."""
        return [repaired for event in events for repaired in self._join(event)]

    def close(self) -> list[StreamEvent]:
        """Return the remaining halves, replaced by U+FFFD."""
        return list(self._flush(tuple(self._open)))

    def _join(self, event: StreamEvent) -> Iterator[StreamEvent]:
        name = _TEXTS.get(type(event))
        if name is None:
            if isinstance(event, Finished | TextClosed | ReasoningClosed | ToolCallClosed | MediaClosed):
                yield from self._flush([key for key in self._open if key[1] == event.choice])
            yield _repair_event(event)
            return
        key = (type(event), getattr(event, "choice", 0), getattr(event, "index", 0))
        yield from self._flush([other for other in self._open if other[:2] != key[:2] and other[1] == key[1]])
        text = self._open.pop(key, "") + getattr(event, name)
        if half := _OPEN_END.search(text):
            self._open[key] = half[0]
            text = text[: half.start()]
        if text or isinstance(event, ToolCallDelta | MediaDelta):
            yield _repair_event(replace(event, **{name: text}))

    def _flush(self, keys: Iterable[_Key]) -> Iterator[StreamEvent]:
        for key in keys:
            del self._open[key]
            kind, choice, index = key
            place = {"index": index} if kind in (ToolCallDelta, MediaDelta) else {}
            yield kind(**{_TEXTS[kind]: REPLACEMENT}, choice=choice, **place)


def _repair_event(event: StreamEvent) -> StreamEvent:
    if not is_dataclass(event):
        return event
    return replace(event, **{one.name: repair(getattr(event, one.name)) for one in fields(event)})
