"""Fill a JSON schema with values from a text, or with default values if the text has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from budwood.types import JSON
from budwood_offline.phrases import extract_phrases
from budwood_offline.questions import write_question
from budwood_offline.ranking import build_index, select_sentences
from budwood_offline.schemas import extraction
from budwood_offline.schemas.resolution import (
    Schema,
    UnsatisfiableError,
    array_of,
    as_schema,
    flatten,
    number_of,
    object_of,
    types_of,
)
from budwood_offline.schemas.scalars import is_valid, list_defaults
from budwood_offline.terms import split_name

T = TypeVar("T", str, int | float)

_MAX_DEPTH: Final = 40
_MAX_OPTIONAL_DEPTH: Final = 6
_MAX_STEPS: Final = 20_000
_MAX_ITEMS: Final = 5
_BOOLEANS: Final = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_FORMAT_NAMES: Final = {"email": "email", "mail": "email", "url": "uri", "link": "uri", "date": "date"}
_QUESTIONS: Final = frozenset({"question", "query", "prompt"})
_NAMES: Final = frozenset(
    "name title heading subject topic keyword keywords tag tags person author city country place location".split()
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A value that satisfies a schema, and the paths (`$.people[0].age`) of its default values."""

    value: JSON
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """The position of a value: the name of the closest property, the path, and the depth in the schema."""

    name: str = ""
    path: str = "$"
    depth: int = 0


def fill_schema(schema: Schema, text: str, *, seed: int = 0) -> Filled:
    """
    Return a value that satisfies a JSON schema, filled from a text.

    Optional properties that the text does not contain are omitted. Required ones get a default value, which is null if
    the schema allows it.

    Raises:
        UnsatisfiableError: The schema contradicts itself, or has an unsupported keyword.
    """
    return _Filler(schema, text, seed).fill(schema, _Place())


class _Filler:
    def __init__(self, root: Schema, text: str, seed: int) -> None:
        self.root = root
        self.text = text
        self.seed = seed
        self.used: tuple[str | float, ...] = ()  # texts and numbers in the value so far
        self.steps = 0

    def fill(self, schema: Schema, place: _Place) -> Filled:
        """Fill a schema; if it has alternatives, fill one of them."""
        self.steps += 1
        if place.depth > _MAX_DEPTH or self.steps > _MAX_STEPS:
            raise UnsatisfiableError(f"{place.path[:60]}: the schema is infinitely recursive or too large")
        flat = flatten(schema, self.root, place.path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in flat:
                rest = {key: value for key, value in flat.items() if key != keyword}
                return self._fill_best([{**rest, "allOf": [part]} for part in array_of(flat, keyword)], place)
        if "enum" in flat:
            return self._fill_enum(flat, place)
        match types_of(flat):
            case ["object"]:
                return self._fill_object(flat, place)
            case ["array"]:
                return self._fill_array(flat, place)
            case [name]:
                found = self._find_scalar(name, flat, place)
                return Filled(next(list_defaults(flat, place.path)), (place.path,)) if found is None else Filled(found)
            case names:
                return self._fill_best([{**flat, "type": name} for name in names], place)

    def _fill_best(self, schemas: Iterable[Schema], place: _Place) -> Filled:
        """Fill the first schema for which the text has all values, else null or the one with the fewest defaults."""
        before = self.used
        results: list[tuple[Filled, tuple[str | float, ...]]] = []
        problem = UnsatisfiableError(f"{place.path}: the schema has no alternatives")
        for schema in schemas:
            self.used = before
            try:
                results.append((self.fill(schema, _Place(place.name, place.path, place.depth + 1)), self.used))
            except UnsatisfiableError as error:
                problem = error
            if results and not results[-1][0].missing:
                return results[-1][0]
        if not results:
            raise problem
        filled, self.used = min(results, key=lambda result: (result[0].value is not None, len(result[0].missing)))
        return filled

    def _fill_enum(self, schema: Schema, place: _Place) -> Filled:
        members = [member for member in array_of(schema, "enum") if is_valid(member, schema)]
        if not members:
            raise UnsatisfiableError(f"{place.path}: no member of {schema['enum']!r} satisfies the rest of the schema")
        for member in members:
            if len(members) == 1 or extraction.is_mentioned(member, self.text):
                return Filled(member)
        return Filled(None if None in members else members[0], (place.path,))

    def _find_scalar(self, type_name: str, schema: Schema, place: _Place) -> JSON:
        words = split_name(place.name)
        labelled = extraction.find_labelled(words, self.text)
        if type_name == "string":
            most = number_of(schema, "maxLength")
            return self._use_first_valid(
                (_shorten(text, most) for text in self._list_texts(words, labelled, schema)), schema
            )
        if type_name in {"integer", "number"}:
            sources = [*labelled, extraction.select_related(words, self.text)]
            return self._use_first_valid(
                (number for source in sources for number in extraction.find_numbers(source)), schema
            )
        return next((_BOOLEANS[text.lower()] for text in labelled if text.lower() in _BOOLEANS), None)

    def _use_first_valid(self, values: Iterable[T], schema: Schema) -> T | None:
        """Return the first valid value that is not used yet, and mark it as used."""
        unused = (value for value in values if value != "" and value not in self.used)
        value = next((value for value in unused if is_valid(value, schema)), None)
        self.used = self.used if value is None else (*self.used, value)
        return value

    def _list_texts(self, words: list[str], labelled: list[str], schema: Schema) -> Iterator[str]:
        """Yield candidate texts for a property, by its format, its label and its name."""
        lowered = [word.lower() for word in words]
        form = schema.get("format", next((_FORMAT_NAMES[word] for word in lowered if word in _FORMAT_NAMES), None))
        if form is not None:
            yield from extraction.find_formatted(str(form), self.text)
            yield from [] if "format" in schema else labelled
            return
        yield from labelled
        used = [text for text in self.used if isinstance(text, str)]
        questions = [text for text in used if text.endswith("?")]
        sentences = build_index(self.text).sentences
        shown = [sentence.text for sentence in sentences if any(sentence.text in text for text in used)]
        if not _QUESTIONS.isdisjoint(lowered):
            question = write_question(self.text, seed=self.seed, questions=questions, shown=shown)
            yield from [question] if question else []
        elif not _NAMES.isdisjoint(lowered):
            yield from extraction.find_names(self.text)
            yield from (phrase for sentence in sentences for phrase in extract_phrases(sentence.text))
        else:
            query = questions[-1] if questions else f"{' '.join(words)} {schema.get('description', '')}"
            yield " ".join(select_sentences(query, self.text, exclude=shown))

    def _fill_array(self, schema: Schema, place: _Place) -> Filled:
        first, rest = array_of(schema, "prefixItems"), schema.get("items", True)
        least, most = int(number_of(schema, "minItems") or 0), number_of(schema, "maxItems")
        if most is not None and least > most:
            raise UnsatisfiableError(f"{place.path}: minItems {least} is more than maxItems {most}")
        size = max(least, len(first), _MAX_ITEMS if place.depth < _MAX_OPTIONAL_DEPTH else 0)
        values: list[JSON] = []
        missing: list[str] = []
        while len(values) < (size if most is None else min(size, most)):
            inner = _Place(place.name, f"{place.path}[{len(values)}]", place.depth + 1)
            try:
                part = as_schema(first[len(values)] if len(values) < len(first) else rest, inner.path)
                item = self._fill_item(part, values if schema.get("uniqueItems") is True else [], inner)
            except UnsatisfiableError:
                if len(values) < least:
                    raise
                break
            if len(values) >= least and (item.missing or item.value in values):
                break
            values.append(item.value)
            missing += item.missing
        return Filled(values, tuple(missing) if values else (place.path,))

    def _fill_item(self, schema: Schema, others: list[JSON], place: _Place) -> Filled:
        """Fill a schema with a value that differs from others."""
        item = self.fill(schema, place)
        if item.value not in others:
            return item
        flat = flatten(schema, self.root, place.path)
        for value in array_of(flat, "enum") or list_defaults(flat, place.path):
            if is_valid(value, flat) and value not in others:
                return Filled(value, (place.path,))
        raise UnsatisfiableError(f"{place.path}: the enumeration has no further member")

    def _fill_object(self, schema: Schema, place: _Place) -> Filled:
        properties, required = object_of(schema, "properties"), array_of(schema, "required")
        names = list(dict.fromkeys([*properties, *map(str, required)]))
        items: dict[str, Filled] = {}
        # Fill a question first: its answer depends on it.
        for name in sorted(names, key=lambda name: _QUESTIONS.isdisjoint(name.lower().split("_"))):
            inner = _Place(name, f"{place.path}.{name}", place.depth + 1)
            part = properties.get(name, schema.get("additionalProperties", True))
            item = self.fill(as_schema(part, inner.path), inner) if name in required else self._find(part, inner)
            if item is not None:
                items[name] = item
        value: JSON = {name: items[name].value for name in names if name in items}
        missing = tuple(path for name in names if name in items for path in items[name].missing)
        return Filled(value, missing if items else (place.path,))

    def _find(self, schema: JSON, place: _Place) -> Filled | None:
        """Fill a schema if the text has all its values."""
        before = self.used
        try:
            item = None if place.depth > _MAX_OPTIONAL_DEPTH else self.fill(as_schema(schema, place.path), place)
        except UnsatisfiableError:
            item = None
        if item is not None and not item.missing:
            return item
        self.used = before
        return None


def _shorten(text: str, most: float | None) -> str:
    """Truncate a text at a word boundary, to the maximum length."""
    text = text.strip()
    if most is None or len(text) <= most:
        return text
    return text[: int(most) + 1].rpartition(" ")[0].rstrip(" ,;:") or text[: int(most)].strip()
