"""Make a neutral value of a type where the context holds none: as near to nothing as the schema allows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from budwood_offline.filling.pattern import UnknownSyntaxError, sample
from budwood_offline.filling.schemas import Schema, UnsatisfiableError, number_of
from budwood_offline.filling.validity import is_valid

_FORMATS: Final = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "nobody@example.org",
    "idn-email": "nobody@example.org",
    "hostname": "example.org",
    "idn-hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uri-reference": "https://example.org/",
    "iri": "https://example.org/",
    "iri-reference": "https://example.org/",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_FILLER: Final = "unknown "
_MOST_EXTRA: Final = 256
_LONGEST: Final = 100_000
_NUMERIC: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def neutral_number(schema: Schema, place: str, *, turn: int = 0) -> int | float:
    """
    Make the number nearest to zero that a schema allows; `turn` asks for the next ones.

    Raises:
        UnsatisfiableError: If bounds and step leave none.
    """
    whole = schema.get("type") == "integer"
    limits = {key: schema[key] for key in _NUMERIC if key in schema}
    for number in _numbers(schema, turn):
        value = int(number) if number.denominator == 1 else float(number)
        if not (whole and isinstance(value, float)) and is_valid(value, limits, {}):
            return value
    raise UnsatisfiableError(f"{place}: no {'integer' if whole else 'number'} meets {limits!r}")


def _numbers(schema: Schema, turn: int) -> Iterator[Fraction]:
    bounds = [Fraction(bound) for key in _NUMERIC[:4] if (bound := number_of(schema, key)) is not None]
    step = number_of(schema, "multipleOf")
    unit = Fraction(str(step)) if step else Fraction(1)
    starts = [Fraction(0), *bounds]
    for start in starts:
        nearest = unit * round(start / unit)
        yield from (nearest + unit * shift for shift in _shifts(turn))
    if not step:
        yield from bounds
        yield from ((one + other) / 2 for one in bounds for other in bounds if one < other)
        yield from (Fraction(math.nextafter(bound, way)) for bound in bounds for way in (math.inf, -math.inf))


def _shifts(turn: int) -> Iterator[int]:
    for size in range(turn, turn + 4):
        yield size
        yield -size


def neutral_string(schema: Schema, place: str, *, turn: int = 0) -> str:
    """
    Make a text that a schema allows: its format's example, or as few letters as it may have.

    Raises:
        UnsatisfiableError: If none is found, as with patterns beyond what the sampler knows.
    """
    if turn and not schema.get("pattern"):
        schema = {**schema, "minLength": max(1, int(number_of(schema, "minLength") or 0))}
    limits = {key: schema[key] for key in ("minLength", "maxLength", "pattern") if key in schema}
    for text in _texts(schema, place, turn):
        if is_valid(text, limits, {}):
            return text
    raise UnsatisfiableError(f"{place}: no text was found that meets {limits!r}")


def _texts(schema: Schema, place: str, turn: int) -> Iterator[str]:
    least = int(number_of(schema, "minLength") or 0)
    if least > _LONGEST:
        raise UnsatisfiableError(f"{place}: minLength {least} is more than this provider writes ({_LONGEST})")
    pattern, form = schema.get("pattern"), schema.get("format")
    if isinstance(form, str) and form in _FORMATS and not turn:
        yield _FORMATS[form]
        yield _lengthened(form, least)
    if isinstance(pattern, str):
        yield from _samples(pattern, place, least, turn)
    else:
        text = (_FILLER * (least // len(_FILLER) + 1))[:least]
        yield _numbered(text, turn) if turn else text


def _lengthened(form: str, least: int) -> str:
    if "uri" in form or "iri" in form:
        return _FORMATS[form].ljust(least, "x")
    return _FORMATS[form].rjust(least, "x") if "email" in form else _FORMATS[form]


def _numbered(text: str, turn: int) -> str:
    number = str(turn)
    return text[: max(0, len(text) - len(number))] + number


def _samples(pattern: str, place: str, least: int, turn: int) -> Iterator[str]:
    try:
        for extra in range(turn, turn + min(least, _MOST_EXTRA) + 2):
            text = sample(pattern, extra)
            yield text
            # A pattern without anchors allows anything around its match.
            yield text.ljust(least, "x")
            yield text.rjust(least, "x")
    except UnknownSyntaxError as error:
        raise UnsatisfiableError(f"{place}: {error}") from error
