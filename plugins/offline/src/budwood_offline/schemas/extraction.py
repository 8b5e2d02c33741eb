"""Extract values from a text: labelled entries, numbers, names, and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from budwood.types import JSON
from budwood_offline.ranking import build_index
from budwood_offline.terms import extract_terms
from budwood_offline.words import STOP_WORDS

_SHORT_TEXT: Final = 300  # in a text up to this length, each value may belong to any property
_NUMBER: Final = re.compile(r"(?<![\w./:-])[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,30})(?:\.\d{1,30})?(?!\w|[./:-]\d)")
_NAME: Final = re.compile(r"(?<![\w@.])[^\W\d_a-z][\w'\u2019-]*(?:[ \t][^\W\d_a-z][\w'\u2019-]*)*")
_FORMATS: Final = {
    "date": re.compile(r"\b\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])\b"),
    "email": re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    "uri": re.compile(r"\bhttps?://[^\s<>\"'`)\]]+[^\s<>\"'`)\].,;:!?]"),
}


def find_formatted(form: str, text: str) -> list[str]:
    """Find the texts of a JSON schema format: dates, email addresses and URLs."""
    return _FORMATS[form].findall(text) if form in _FORMATS else []


def find_labelled(words: Iterable[str], text: str) -> list[str]:
    """Find values that a text assigns to a name: `Age: 36`, `"age": 36`, `age = 36`, `the age is 36`."""
    name = r"[ _-]?".join(map(re.escape, words))
    pattern = rf"(?<!\w){name}[\"'*_`]{{0,4}}(?:[ \t]*[:=][ \t*]*|[ \t]+(?:is|was|are)[ \t]+)"
    values = re.findall(pattern + r"([^;,|}\n]+?(?=[.!?](?:\s|$)|[;,|}\n]|$))", text, re.IGNORECASE) if name else ()
    return [stripped for value in values if (stripped := value.strip("\"'`*_ \t."))]


def find_numbers(text: str) -> list[int | float]:
    """Find the numbers of a text, in order."""
    digits = (match[0].replace(",", "") for match in _NUMBER.finditer(text))
    return [float(number) if "." in number else int(number) for number in digits]


def find_names(text: str) -> list[str]:
    """Find the runs of capitalised words of a text, in order."""
    return [name for name in _NAME.findall(text) if name.split()[0].lower() not in STOP_WORDS]


def is_mentioned(member: JSON, text: str) -> bool:
    """Return whether a text contains a member of an enumeration as a word, in any case."""
    return member is not None and re.search(rf"(?<!\w){re.escape(str(member))}(?!\w)", text, re.IGNORECASE) is not None


def select_related(words: Iterable[str], text: str) -> str:
    """Select the sentences that contain a term of a name; a short text is returned unchanged."""
    if len(text) <= _SHORT_TEXT:
        return text
    terms = extract_terms(" ".join(words))
    return "\n".join(item.text for item in build_index(text).sentences if any(term in item.counts for term in terms))
