"""
The keywords of JSON schemas with regular expressions, matched in linear time.

Python's ``re`` can take exponential time: ``^(a+)+$`` needs minutes for 30 characters. The engine of pydantic-core does
not, and knows no references to groups and no look-around; expressions with these are matched by ``re``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_CACHED: Final = 1024


@lru_cache(maxsize=MAX_CACHED)
def compile_linear(pattern: str) -> SchemaValidator | None:
    """Return a matcher that takes linear time; None if the expression has what only ``re`` knows."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        return None


def matches(pattern: str, text: str) -> bool:
    """Tell whether a part of a text matches a regular expression."""
    matcher = compile_linear(pattern)
    return re.search(pattern, text) is not None if matcher is None else matcher.isinstance_python(text)


def find_slow_pattern(schema: Mapping[str, Any]) -> str | None:
    """
    Return what a JSON schema has whose matching may take exponential time; None if it has nothing of the kind.

    Returns:
        A regular expression with references to groups or look-around, or the name of a keyword: ``re`` is also used
        for ``unevaluatedProperties`` beside ``patternProperties``, and for parts with a ``$schema`` of their own.
    """
    parts = list(_walk(schema))
    named = [pattern for part in parts for pattern in _list_patterns(part)]
    slow = next((pattern for pattern in named if compile_linear(pattern) is None), None)
    if slow is None and any(isinstance(part.get("$schema"), str) for part in parts[1:]):
        slow = "$schema"
    if slow is None and named and any("unevaluatedProperties" in part for part in parts):
        slow = "unevaluatedProperties"
    return slow


@lru_cache(maxsize=1)
def make_validator_class() -> Any:  # noqa: ANN401 - of a library that only some install
    """
    Return the validator for draft 2020-12 of the library jsonschema, with these keywords.

    Raises:
        ImportError: The library is not installed.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    keywords = {
        "pattern": _check_pattern,
        "patternProperties": _check_pattern_properties,
        "additionalProperties": _check_additional_properties,
    }
    return extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]


def _walk(schema: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
        schema = [*schema.values()]
    if isinstance(schema, list | tuple):
        for inner in schema:
            yield from _walk(inner)


def _list_patterns(part: Mapping[str, Any]) -> list[str]:
    found = [part.get("pattern"), *(names if isinstance(names := part.get("patternProperties"), Mapping) else ())]
    return [pattern for pattern in found if isinstance(pattern, str)]


def _check_pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:  # noqa: ANN401 - of the library
    if validator.is_type(instance, "string") and not matches(pattern, instance):
        yield _make_error(f"{instance!r} does not match {pattern!r}")


def _check_pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[Any]:  # noqa: ANN401 - the same
    if not validator.is_type(instance, "object"):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if matches(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _check_additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401 - the same
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [name for name in instance if name not in known and not any(matches(each, name) for each in patterns)]
    if validator.is_type(allowed, "object"):
        for name in extras:
            yield from validator.descend(instance[name], allowed, path=name)
    elif not allowed and extras:
        names, verb = ", ".join(map(repr, extras)), "was" if len(extras) == 1 else "were"
        yield _make_error(f"Additional properties are not allowed ({names} {verb} unexpected)")


def _make_error(message: str) -> Any:  # noqa: ANN401 - the library's
    from jsonschema import ValidationError  # only with it are these functions called

    return ValidationError(message)
