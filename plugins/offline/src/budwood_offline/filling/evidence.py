"""Find values in a context: numbers, names, dates, addresses, labelled entries, mentions and statements."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from budwood_offline.ranking import candidates
from budwood_offline.terms import stem, term_places, terms
from budwood_offline.words import NUMBERS, STOP_WORDS

_NUMBER: Final = re.compile(
    r"(?<![\w./:-])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w]|[./:-]\d)|\b[a-z]+\b",
    re.IGNORECASE,
)
_NAME: Final = re.compile(
    r"(?<!\w)[^\W\d_][\w'\u2019-]*(?:[ \t]+(?:(?:of|de|van|von|der|la|da)[ \t]+)?[^\W\d_][\w'\u2019-]*)*"
)
_NAME_WORD: Final = re.compile(r"[\w'\u2019-]+")
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_URL: Final = re.compile(r"\bhttps?://[^\s<>\"'`)\]]+[^\s<>\"'`)\].,;:!?]")
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_IPV4: Final = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]\d)")
_TIME: Final = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(Z|[+-]\d\d:\d\d)?")
_ISO_DATE: Final = re.compile(
    r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d\d:\d\d)?)?(?!\d)"
)
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH: Final = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DAY_FIRST: Final = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH},? (\d{{4}})\b", re.IGNORECASE)
_MONTH_FIRST: Final = re.compile(rf"\b{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)
_NEGATION: Final = re.compile(r"\b(?:not|no|never|without|nobody|none|cannot|false)\b|n['\u2019]t\b", re.IGNORECASE)
_CALENDAR: Final = frozenset(
    "january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday".split()
)
_SENTENCE_END: Final = re.compile(r"[.!?](?:\s|$)")
_PLACE_WORDS: Final = frozenset("in at from to near of".split())
_NEAR: Final = 60
_LONGEST_TERM: Final = 40
_LONGEST_NUMBER: Final = 100

# Words of a context that speak of what a property is called.
_KIN: Final = {
    stem(name): tuple(map(stem, kin.split()))
    for name, kin in {
        "age": "year old",
        "price": "cost eur usd",
        "cost": "price eur usd",
        "amount": "cost price sum",
        "count": "number",
        "quantity": "number",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Found:
    """A value of a context, where it begins and ends, and whether a preposition of place stands before it."""

    value: int | float | str
    start: int
    end: int
    placed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a context holds."""

    text: str
    places: Mapping[str, Sequence[int]]
    numbers: tuple[Found, ...]
    names: tuple[Found, ...]


@lru_cache(maxsize=64)
def evidence(context: str) -> Evidence:
    """Collect what a context holds."""
    return Evidence(context, term_places(context), tuple(_numbers(context)), tuple(_names(context)))


def _numbers(text: str) -> Iterable[Found]:
    for match in _NUMBER.finditer(text):
        word = match[0].lower()
        if word in NUMBERS and word != "one":
            yield Found(NUMBERS[word], match.start(), match.end())
        elif not word.isalpha() and len(word) <= _LONGEST_NUMBER and math.isfinite(_number(word)):
            yield Found(_number(word), match.start(), match.end())


def _number(written: str) -> int | float:
    digits = written.replace(",", "")
    value = float(digits)
    return value if "." in digits or "e" in digits else int(digits)


def _names(text: str) -> Iterable[Found]:
    # An address writes names small: it says nothing about how they are written elsewhere.
    prose = _URL.sub(" ", _EMAIL.sub(" ", text))
    lower = {word for word in _NAME_WORD.findall(prose) if word[0].islower()} | _CALENDAR
    for match in _NAME.finditer(text):
        for start, end in _capital_runs(match, lower):
            before = text[:start].rstrip(" \t*\"'").rsplit(None, 1)
            yield Found(text[start:end], start, end, bool(before) and before[-1].lower() in _PLACE_WORDS)


def _capital_runs(match: re.Match[str], lower: Collection[str]) -> Iterable[tuple[int, int]]:
    run: list[tuple[int, int]] = []
    for word in _NAME_WORD.finditer(match[0]):
        fits = word[0][0].isupper() and word[0].lower() not in STOP_WORDS
        if fits and (run or word[0].lower() not in lower):
            run.append((match.start() + word.start(), match.start() + word.end()))
        elif run:
            yield run[0][0], run[-1][1]
            run = []
    if run:
        yield run[0][0], run[-1][1]


def near(found: Iterable[Found], wanted: Collection[str], source: Evidence) -> list[Found]:
    """List the values that stand close to one of the wanted terms, in the same sentence, the nearest first."""
    related = set(wanted).union(*(_KIN.get(term, ()) for term in wanted))
    places = sorted(place for term in related for place in source.places.get(term, ()))
    measured = [
        (min((_distance(item, place, source.text) for place in _around(item, places)), default=_NEAR), item)
        for item in found
    ]
    return [item for distance, item in sorted(measured, key=lambda pair: (pair[0], pair[1].start)) if distance < _NEAR]


def _around(item: Found, places: Sequence[int]) -> Sequence[int]:
    return places[bisect_left(places, item.start - _NEAR - _LONGEST_TERM) : bisect_right(places, item.end + _NEAR)]


def _distance(item: Found, place: int, text: str) -> int:
    between = text[place : item.start] if place < item.start else text[item.end : place]
    if re.search(r"[.!?;\n]\s|\n", between + " "):
        return _NEAR
    # "Ada is 36 and Bob is 40": what follows its word is a little nearer than what precedes it.
    return len(between) + (0 if place < item.start else 3)


def labelled(name_parts: Sequence[str], text: str) -> list[str]:
    """List what a text writes behind a name: `Age: 36`, `"age": 36`, `age = 36`, `the age is 36`."""
    name = r"[ _-]?".join(map(re.escape, name_parts))
    if not name:
        return []
    line = re.compile(
        rf"^(?:[^\w\n]|_)*+{name}[\"'*_`]*[ \t]*[:=][ \t*]*(?P<value>\S[^\n]*)", re.IGNORECASE | re.MULTILINE
    )
    inline = re.compile(
        rf"(?<!\w){name}[\"'*_`]*(?:[ \t]*[:=][ \t]*|[ \t]+(?:is|was|are)[ \t]+)(?P<value>\S[^;,|}}\n]*)",
        re.IGNORECASE,
    )
    values = [_SENTENCE_END.split(match["value"], maxsplit=1)[0] for match in inline.finditer(text)]
    values += [match["value"] for match in line.finditer(text)]
    return list(dict.fromkeys(filter(None, (value.strip("\"'`*_ \t,;}").rstrip(".") for value in values))))


def mentions(members: Iterable[str], text: str) -> list[Found]:
    """List where a text mentions one of the members as a whole word, whatever its case."""
    found: list[Found] = []
    for member in members:
        spoken = re.escape(member).replace("_", r"[ _-]").replace(r"\-", r"[ _-]").replace(r"\ ", r"[ _-]")
        if member.strip():
            pattern = re.compile(rf"(?<!\w){spoken}(?!\w)", re.IGNORECASE)
            found.extend(Found(member, match.start(), match.end()) for match in pattern.finditer(text))
    # Of two members at one place the longer is meant: "very good", not "good".
    return sorted(found, key=lambda item: (item.start, -item.end))


def stated(wanted: Collection[str], text: str) -> bool | None:
    """Tell whether a text states or denies what the wanted terms name; `None` where it speaks of it nowhere."""
    for candidate in candidates(text):
        if wanted and set(wanted) <= set(candidate.terms):
            return not _NEGATION.search(candidate.text)
    return None


def formatted(form: str, text: str) -> list[str]:
    """List the values of a text that have a JSON schema format, written as the format wants it."""
    find = _FINDERS.get(form)
    return list(dict.fromkeys(find(text))) if find else []


def _dates(text: str) -> Iterable[str]:
    found = [(match.start(), match[1], match[2], match[3]) for match in _ISO_DATE.finditer(text)]
    found += [(match.start(), match[3], _month(match[2]), match[1]) for match in _DAY_FIRST.finditer(text)]
    found += [(match.start(), match[3], _month(match[1]), match[2]) for match in _MONTH_FIRST.finditer(text)]
    for _, year, month, day in sorted(found):
        if _is_date(int(year), int(month), int(day)):
            yield f"{year}-{int(month):02}-{int(day):02}"


def _month(name: str) -> str:
    return str(_MONTHS.index(name.lower()[:3]) + 1)


def _is_date(year: int, month: int, day: int) -> bool:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return year > 0 and 1 <= month <= 12 and 1 <= day <= lengths[month - 1]


def _moments(text: str) -> Iterable[str]:
    for match in _ISO_DATE.finditer(text):
        if match[4] and _is_date(int(match[1]), int(match[2]), int(match[3])):
            time = match[4] if match[4].count(":") == 2 else f"{match[4]}:00"
            yield f"{match[1]}-{match[2]}-{match[3]}T{time}{match[5] or 'Z'}"
    yield from (f"{date}T00:00:00Z" for date in _dates(text))


def _times(text: str) -> Iterable[str]:
    for match in _TIME.finditer(text):
        yield f"{int(match[1]):02}:{match[2]}:{match[3] or '00'}{match[4] or 'Z'}"


_FINDERS: Final[Mapping[str, Callable[[str], Iterable[str]]]] = {
    "date": _dates,
    "date-time": _moments,
    "time": _times,
    "email": _EMAIL.findall,
    "idn-email": _EMAIL.findall,
    "uri": _URL.findall,
    "uri-reference": _URL.findall,
    "iri": _URL.findall,
    "uuid": _UUID.findall,
    "ipv4": _IPV4.findall,
    "hostname": lambda text: [url.split("/")[2].split(":")[0] for url in _URL.findall(text)],
}


def speaks_of(wanted: str, context: str) -> list[str]:
    """List the sentences that share a term with `wanted`, those that share most first."""
    known = set(terms(wanted))
    rated = [(len(known & set(item.terms)), item) for item in candidates(context)]
    return [item.text for count, item in sorted(rated, key=lambda pair: -pair[0] * pair[1].quality) if count]
