"""Parse JSON that models write: with raw line breaks in strings, and inside reasoning, words or fences."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pydantic_core import from_json

from budwood.types.record import JSON

_STRING: Final = r'"(?:[^"\\]++|\\.)*+"?'
_STRING_OR_COMMA: Final = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)
_STRING_OR_BRACKET: Final = re.compile(rf"{_STRING}|[{{}}\[\]]", re.DOTALL)

_SURROGATE: Final = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
_IN_STRING: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a valid pair
    rf"|{_SURROGATE}(?!\\?u?[0-9a-fA-F]{{0,3}}\Z)"  # unpaired; at the end of the text the second half may follow
    r"|\\.|[\x00-\x1f\ud800-\udfff]",
    re.DOTALL,
)
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}

_TAGS: Final = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad"
_MARK: Final = re.compile(
    rf"(?P<open><(?:{_TAGS})>|\[THINK\]|◁think▷|<\|channel\|>(?:analysis|commentary)[^<{{]*<\|message\|>)"
    rf"|(?P<close></(?:{_TAGS})>|\[/THINK\]|◁/think▷|<\|channel\|>final[^<{{]*<\|message\|>)"
    r"|[{\[]",
    re.IGNORECASE,
)
_CLOSE: Final = re.compile(
    rf"</(?:{_TAGS})>|\[/THINK\]|◁/think▷|<\|(?:end|channel)\|>(?:final[^<{{]*<\|message\|>)?", re.IGNORECASE
)
"""Marks of reasoning in the text of open models: Qwen and DeepSeek, Mistral, Kimi, gpt-oss."""

_LIKE_JSON: Final = re.compile(r'\{\s*["}]|\[\s*["{\[\]]')
_FENCE: Final = re.compile(r"```\w*\s*\Z")
_FENCED: Final = re.compile(r"```\w*[^\S\n]*\n(.*?)\n?\s*```", re.DOTALL)
_SPECIAL_TOKENS: Final = re.compile(r"(?:\s*<\|[^|<>\s]{1,40}\|>|\s*</s>)+\s*\Z")

_MAX_SCANS: Final = 32
"""Limit of scanning a text with unclosed brackets, in multiples of its length."""


class _Span(NamedTuple):
    """
    A part of a text that is JSON, or looks like JSON.

    Attributes:
        start: Its position in the text.
        text: The part.
        is_fenced: Whether it directly follows the opening of a fence.
    """

    start: int
    text: str
    is_fenced: bool


def repair_json(text: str) -> str:
    r"""
    Repair errors in JSON that have one possible meaning.

    These are control characters and unpaired surrogates in strings, ``\'``, and a comma before a closing bracket.

    Args:
        text: JSON, which may be incomplete.
    """
    return _STRING_OR_COMMA.sub(lambda match: _IN_STRING.sub(_escape, match[1]) if match[1] else "", text)


def parse_json(text: str) -> JSON:
    """
    Parse JSON, and repair it if necessary.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        value: JSON = from_json(text)
    except (ValueError, TypeError):  # TypeError for unpaired surrogates
        value = from_json(repair_json(text).encode("utf-8", "replace"))
    return value


def parse_object(text: str) -> dict[str, JSON]:
    """
    Parse the arguments of a tool call. Empty text, ``null`` and ``[]`` count as an empty object.

    Some models and servers repeat the arguments, encode them as a JSON string, or append a special token.

    Raises:
        ValueError: They are not a JSON object, or several different ones.
    """
    try:
        value = parse_json(text) if text.strip() else {}
        if isinstance(value, str):
            value = parse_json(value) if value.strip() else {}
    except ValueError:
        value = _find_only_object(text)
        if value is None:
            raise
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"the arguments are not a JSON object but of the type {type(value).__name__}")  # noqa: TRY004
    return value


def find_json(text: str) -> list[str]:
    """
    Find JSON in the reply of a model, and return the candidates, best first. Reasoning is ignored.

    If the reply begins with JSON, the first candidate is best, because models may continue after their answer. If it
    begins with words, the last one is best, and fenced JSON comes before other JSON.

    Returns:
        Parts that are JSON or look like JSON; without any, the complete text after the reasoning.
    """
    start, spans = _scan(text)
    if not spans:
        answer = _strip_answer(text[start:])
        inner = _decode_string(answer)
        return [answer] if inner is None else [*find_json(inner), answer]
    before = text[start : spans[0].start].strip()
    if before and not _FENCE.fullmatch(before):
        spans = sorted(spans, key=lambda span: (span.is_fenced, span.start), reverse=True)
    return [repair_json(span.text) for span in spans]


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 12:
        return found
    if len(found) == 6 or "\ud800" <= found <= "\udfff":
        return "\\ufffd"
    if found == "\\'":
        return "'"
    last = found[-1]
    return _ESCAPES.get(last) or f"\\u{ord(last):04x}" if last < " " else found


def _find_only_object(text: str) -> dict[str, JSON] | None:
    """Return the only object in a text, which may be repeated; None if there are several different objects."""
    objects: list[dict[str, JSON]] = []
    for found in find_json(text):
        try:
            value = parse_json(found)
        except ValueError:
            return None
        if isinstance(value, dict) and value and value not in objects:
            objects.append(value)
    return objects[0] if len(objects) == 1 else None


def _scan(text: str) -> tuple[int, list[_Span]]:
    """Return the position after all reasoning, and the parts after it that look like JSON."""
    answer = position = scanned = 0
    spans: list[_Span] = []
    while (mark := _MARK.search(text, position)) and scanned <= _MAX_SCANS * len(text):
        if mark["open"]:
            close = _CLOSE.search(text, mark.end())
            position = close.end() if close else len(text)
            answer = answer if spans else position
        elif mark["close"]:  # the opening tag may be in the prompt: everything before is reasoning
            spans.clear()
            answer = position = mark.end()
        else:
            end = _find_end(text, mark.start())
            scanned += (end or len(text)) - mark.start()
            span = text[mark.start() : end]
            if (end and _is_json(span)) or _LIKE_JSON.match(span):
                is_fenced = _FENCE.search(text, max(mark.start() - 20, 0), mark.start()) is not None
                spans.append(_Span(mark.start(), span, is_fenced))
                position = end or len(text)
            else:
                position = mark.end()
    return answer, spans


def _find_end(text: str, start: int) -> int | None:
    """Return the end of the object or array that begins at ``start``; None if it is not closed."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text, start):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if not depth:
                return token.end()
    return None


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def _decode_string(text: str) -> str | None:
    """Return the text inside a JSON string, if it looks like JSON that was encoded twice."""
    if not text.startswith('"'):
        return None
    try:
        inner = parse_json(text)
    except ValueError:
        return None
    return inner if isinstance(inner, str) and inner.lstrip()[:1] in ("{", "[") else None


def _strip_answer(text: str) -> str:
    """Remove the fence or the special tokens around a text."""
    fenced = _FENCED.search(text)
    return repair_json(fenced[1] if fenced else _SPECIAL_TOKENS.sub("", text)).strip()
