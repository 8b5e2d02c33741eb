"""Find the text that a message gives to work on, apart from what it says about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TAGGED: Final = re.compile(
    r"<(?P<tag>passage|context|document|article|attachment|file|excerpt)(?:\s[^<>]*)?>\s*(?P<text>.*?)\s*</(?P=tag)>",
    re.DOTALL | re.IGNORECASE,
)
_TAG: Final = re.compile(
    r"</?(?:passage|context|documents?|article|attachment|file|excerpt)(?:\s[^<>]*)?>", re.IGNORECASE
)
_FENCED: Final = re.compile(r"^(```|~~~)[^\n]*\n(?P<text>.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
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
    found = [_TAG.sub("", match["text"]).strip() for match in _TAGGED.finditer(text)]
    return Parted("\n\n".join(filter(None, found)), _TAG.sub("", _TAGGED.sub("\n", text)).strip())


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
    found = [match["text"].strip() for match in _FENCED.finditer(text)]
    return Parted("\n\n".join(filter(None, found)), _FENCED.sub("\n", text).strip())
