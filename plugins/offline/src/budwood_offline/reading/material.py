"""Find the text that a message gives to work on, apart from what it says about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

_MARK: Final = r"<(?P<close>/?)(?P<name>passage|context|documents?|article|attachment|file|excerpt)(?:\s[^<>]*)?>"
_TAG: Final = re.compile(_MARK, re.IGNORECASE)
_TAG_ALONE: Final = re.compile(rf"^[ \t]*{_MARK}[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FENCE: Final = re.compile(r"^(?P<mark>```|~~~)(?P<rest>[^\n]*)$", re.MULTILINE)
_MATERIAL_LABELS: Final = "passage|context|text|document|article|source|excerpt"
_OTHER_LABELS: Final = (
    "question|questions|instructions?|task|your (?:question|task)|persona|answer|already asked"
    "|questions? (?:already )?asked[^:\n]*|previous questions?|earlier questions?|conversation(?: so far)?"
)
_LABEL: Final = re.compile(
    rf"^[ \t]*(?:#{{1,6}} |\*\*)?(?:the )?(?:(?P<material>{_MATERIAL_LABELS})|(?P<other>{_OTHER_LABELS}))"
    r"(?:\*\*)?[ \t]*:(?:\*\*)?[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Parted:
    """A message in two parts: what it gives to work on, and everything else."""

    material: str
    rest: str


def part(text: str) -> Parted:
    """
    Part the material of a message from the rest, by tags (`<passage>`), labels (`Passage:`) or fences, in this order.

    Without any of these there is no material: all is rest.
    """
    for find in (_by_tags, _by_labels, _by_fences):
        parted = find(text)
        if parted.material:
            return parted
    return Parted("", text.strip())


def _by_tags(text: str) -> Parted:
    """Take out what stands between tags. What speaks of tags within its lines is text: `_markup` tells them apart."""
    tags = _markup(text)
    ends = {tag["name"].lower(): tag.start() for tag in tags if tag["close"]}
    spans: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for tag in tags:
        name = tag["name"].lower()
        if opened is not None and tag["close"] and name == opened["name"].lower():
            spans.append((opened.start(), tag.end()))
            opened = None
        elif opened is None and not tag["close"] and name != "documents" and ends.get(name, -1) > tag.start():
            opened = tag
    return _taken_out(text, spans, _without_markup)


def _markup(text: str) -> list[re.Match[str]]:
    """Find the tags that mark material: those on lines of their own, or where there are none of these, all."""
    alone = list(_TAG_ALONE.finditer(text))
    marks_material = any(tag["name"].lower() != "documents" for tag in alone)
    return alone if marks_material else list(_TAG.finditer(text))


def _without_markup(text: str) -> str:
    edges = [0, *(place for tag in _markup(text) for place in tag.span()), len(text)]
    return "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def _by_labels(text: str) -> Parted:
    labels = list(_LABEL.finditer(text))
    ends = [label.start() for label in labels[1:]] + [len(text)]
    material: list[str] = []
    rest = [text[: labels[0].start()]] if labels else [text]
    for label, end in zip(labels, ends, strict=True) if labels else ():
        body = text[label.end() : end].strip()
        if label["material"]:
            body, question = _without_question(body, rest)
            material.append(body)
            rest.append(question)
        else:
            rest.append(text[label.start() : end])
    return Parted("\n\n".join(filter(None, material)), "\n".join(part.strip() for part in rest).strip())


def _without_question(body: str, rest: list[str]) -> tuple[str, str]:
    """Take the question off the end of a labelled text that no further label follows."""
    before, gap, last = body.rpartition("\n\n")
    if gap and last.rstrip().endswith("?") and not any("?" in text for text in rest):
        return before.strip(), last.strip()
    return body, ""


def _by_fences(text: str) -> Parted:
    spans: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence["mark"] == opened["mark"] and not fence["rest"].strip():
            spans.append((opened.start(), fence.end()))
            opened = None
    return _taken_out(text, spans, lambda part: _FENCE.sub("", part))


def _taken_out(text: str, spans: Iterable[tuple[int, int]], bare: Callable[[str], str]) -> Parted:
    """Take stretches out of a text; `bare` frees both from their marks."""
    material: list[str] = []
    rest: list[str] = []
    place = 0
    for start, end in spans:
        rest.append(text[place:start])
        material.append(bare(text[start:end]).strip())
        place = end
    rest.append(text[place:])
    return Parted("\n\n".join(filter(None, material)), bare("\n".join(rest)).strip())
