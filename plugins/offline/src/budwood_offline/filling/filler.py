"""Walk a JSON schema and fill it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from budwood_offline.filling.evidence import Found, evidence, labelled, mentions, near, stated
from budwood_offline.filling.neutral import neutral_number, neutral_string
from budwood_offline.filling.schemas import (
    JSON,
    TYPES,
    Schema,
    UnsatisfiableError,
    as_schema,
    equal,
    flattened,
    items_of,
    number_of,
    subschema,
    types_of,
)
from budwood_offline.filling.texts import Memory, Property, find_text, is_question
from budwood_offline.filling.validity import is_number, is_valid, matches

_DEEPEST: Final = 40
_DEEPEST_OPTIONAL: Final = 6
_MOST_STEPS: Final = 20_000
_MOST_ITEMS: Final = 5
_TURNS: Final = 40
_HINTS: Final = {
    "properties": "object", "required": "object", "additionalProperties": "object", "minProperties": "object",
    "items": "array", "prefixItems": "array", "minItems": "array", "uniqueItems": "array", "contains": "array",
    "minimum": "number", "maximum": "number", "exclusiveMinimum": "number", "exclusiveMaximum": "number",
    "multipleOf": "number",
}  # fmt: skip
_PREFERRED: Final = ("string", "integer", "number", "object", "array", "boolean", "null")


@dataclass(frozen=True, slots=True)
class Filled:
    """A value that a schema allows, and the paths (`$.people[0].age`) of what the context did not hold."""

    value: JSON
    missing: tuple[str, ...] = ()


def fill_schema(schema: Mapping[str, JSON], context: str, *, seed: int = 0) -> Filled:
    """
    Make a value that a JSON schema allows, from a context where that holds one.

    References must lead into the schema itself. Optional properties appear only where the context holds them; what is
    required and not found gets a neutral value (`null` where allowed) and its path is listed as missing.

    Raises:
        ValueError: If the schema contradicts itself, or wants what this provider cannot make.
    """
    filler = _Filler(schema, Memory(context, seed))
    filled = filler.fill(schema, Property(""), "$", 0)
    if not is_valid(filled.value, schema, schema):
        raise UnsatisfiableError("$: no value was found that meets the schema")
    return filled


class _Filler:
    def __init__(self, root: Schema, memory: Memory) -> None:
        self.root = root
        self.memory = memory
        self.steps = 0

    def fill(self, schema: Schema, asked_for: Property, place: str, depth: int) -> Filled:
        """Fill one schema; the first way that gives a valid value without a gap, or else the one with fewest gaps."""
        self.steps += 1
        if depth > _DEEPEST or self.steps > _MOST_STEPS:
            raise UnsatisfiableError(f"{place[:60]}: the schema requires itself without end, or is too large")
        whole = flattened(schema, self.root, place)
        description = whole.get("description") or whole.get("title")
        described = Property(asked_for.name, description if isinstance(description, str) else asked_for.description)
        return self._best(self._ways(whole, described, place, depth), whole, place)

    def _best(self, ways: Iterator[Callable[[], Filled]], schema: Schema, place: str) -> Filled:
        best: tuple[Filled, Memory] | None = None
        problem: UnsatisfiableError | None = None
        before = self.memory
        for way in ways:
            self.memory = before.copy()
            try:
                filled = way()
            except UnsatisfiableError as error:
                problem = problem or error
                continue
            if not is_valid(filled.value, schema, self.root):
                continue
            if not filled.missing:
                return filled
            if best is None or _is_better(filled, best[0]):
                best = filled, self.memory
        self.memory = best[1] if best else before
        if best is None:
            raise problem or UnsatisfiableError(f"{place}: no value was found that meets the schema")
        return best[0]

    def _ways(self, schema: Schema, asked_for: Property, place: str, depth: int) -> Iterator[Callable[[], Filled]]:
        if "const" in schema:
            yield partial(self._constant, schema, place)
        elif "enum" in schema:
            yield partial(self._member, schema, asked_for, place)
        elif branches := self._branches(schema, place):
            for branch in branches:
                yield partial(self.fill, branch, asked_for, place, depth + 1)
        else:
            yield from self._ways_by_type(schema, asked_for, place, depth)

    def _branches(self, schema: Schema, place: str) -> list[Schema]:
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                rest = {key: value for key, value in schema.items() if key != keyword}
                return [{**rest, "allOf": [branch]} for branch in items_of(schema, keyword)]
        if "if" in schema:
            rest = {key: value for key, value in schema.items() if key not in {"if", "then", "else"}}
            met: list[JSON] = [schema["if"], schema.get("then", True)]
            return [{**rest, "allOf": met}, {**rest, "allOf": [schema.get("else", True)]}]
        return []

    def _ways_by_type(
        self, schema: Schema, asked_for: Property, place: str, depth: int
    ) -> Iterator[Callable[[], Filled]]:
        named = types_of(schema)
        hinted = [kind for keyword, kind in _HINTS.items() if keyword in schema] if named == TYPES else []
        for name in dict.fromkeys((*hinted, *_PREFERRED)):
            if name in named and not (name == "integer" and "number" in named and named != TYPES):
                yield partial(self._typed, name, {**schema, "type": name}, asked_for, place, depth)

    def _typed(self, name: str, schema: Schema, asked_for: Property, place: str, depth: int) -> Filled:
        match name:
            case "object":
                return self._object(schema, place, depth)
            case "array":
                return self._array(schema, asked_for, place, depth)
            case "string":
                return self._string(schema, asked_for, place)
            case "boolean":
                return self._boolean(asked_for, place)
            case "null":
                return Filled(None, (place,))
            case _:
                return self._number(schema, asked_for, place)

    def _string(self, schema: Schema, asked_for: Property, place: str) -> Filled:
        text = find_text(schema, asked_for, self.memory) if self.memory.context else None
        return Filled(neutral_string(schema, place), (place,)) if text is None else Filled(text)

    def _boolean(self, asked_for: Property, place: str) -> Filled:
        words = [word.lower() for word in labelled(asked_for.parts, self.memory.context)]
        for word in words:
            if word in {"yes", "true", "on", "no", "false", "off"}:
                return Filled(word in {"yes", "true", "on"})
        answer = stated(asked_for.terms, self.memory.context)
        return Filled(value=False, missing=(place,)) if answer is None else Filled(answer)

    def _number(self, schema: Schema, asked_for: Property, place: str) -> Filled:
        found = evidence(self.memory.context)
        close = near(found.numbers, asked_for.terms, found) or near(found.numbers, asked_for.all_terms, found)
        for item in [*close, *(found.numbers if self.memory.is_short else ())]:
            key = ("number", item.start)
            if key not in self.memory.used and is_valid(item.value, schema, self.root):
                self.memory.used.add(key)
                return Filled(_as_written(item, schema))
        return Filled(neutral_number(schema, place), (place,))

    def _constant(self, schema: Schema, place: str) -> Filled:
        if not is_valid(schema["const"], schema, self.root):
            raise UnsatisfiableError(f"{place}: the constant {schema['const']!r} does not meet the rest of the schema")
        return Filled(schema["const"])

    def _member(self, schema: Schema, asked_for: Property, place: str) -> Filled:
        allowed = [member for member in items_of(schema, "enum") if is_valid(member, schema, self.root)]
        if not allowed:
            raise UnsatisfiableError(
                f"{place}: no member of the enumeration {schema['enum']!r} meets the rest of the schema"
            )
        if len(allowed) == 1:
            return Filled(allowed[0])
        found = evidence(self.memory.context)
        spoken = {str(member): member for member in allowed if isinstance(member, str) or is_number(member)}
        said = mentions(spoken, found.text)
        for item in [*near(said, asked_for.terms, found), *said]:
            return Filled(spoken[str(item.value)])
        return Filled(None if None in allowed else allowed[0], (place,))

    def _array(self, schema: Schema, asked_for: Property, place: str, depth: int) -> Filled:
        first = items_of(schema, "prefixItems")
        least, most = int(number_of(schema, "minItems") or 0), number_of(schema, "maxItems")
        least = max(least, int("contains" in schema))
        wanted = max(least, len(first), _MOST_ITEMS if depth < _DEEPEST_OPTIONAL else 0)
        items: list[JSON] = []
        missing: list[str] = []
        while len(items) < (wanted if most is None else min(wanted, int(most))):
            item = self._item(schema, items, asked_for, f"{place}[{len(items)}]", depth)
            if item is None or (item.missing and len(items) >= least):
                break
            items.append(item.value)
            missing.extend(item.missing)
        if len(items) < least:
            raise UnsatisfiableError(f"{place}: only {len(items)} of at least {least} items were found")
        if not items and least == 0 and not missing:
            return Filled(items, (place,))
        return Filled(items, tuple(missing))

    def _item(self, schema: Schema, items: list[JSON], asked_for: Property, place: str, depth: int) -> Filled | None:
        first = items_of(schema, "prefixItems")
        part = first[len(items)] if len(items) < len(first) else schema.get("items", True)
        if part is False:
            return None
        item_schema = as_schema(part, place)
        if not items and "contains" in schema:
            item_schema = {"allOf": [dict(item_schema), schema["contains"]]}
        filled = self.fill(item_schema, asked_for, place, depth + 1)
        if schema.get("uniqueItems") is not True and not filled.missing and not _repeats(filled.value, items):
            return filled
        if schema.get("uniqueItems") is not True:
            return filled if filled.missing else Filled(filled.value, (place,))
        return filled if not _repeats(filled.value, items) else self._other(item_schema, items, place)

    def _other(self, schema: Schema, items: list[JSON], place: str) -> Filled | None:
        """Make a further value for an array of which every item must differ."""
        whole = flattened(schema, self.root, place)
        for value in self._neutrals(whole, place):
            if not _repeats(value, items) and is_valid(value, schema, self.root):
                return Filled(value, (place,))
        return None

    def _neutrals(self, schema: Schema, place: str) -> Iterator[JSON]:
        yield from items_of(schema, "enum")
        named = types_of(schema)
        yield from (value for name, value in (("null", None), ("boolean", False), ("boolean", True)) if name in named)
        for turn in range(1, _TURNS):
            try:
                if "string" in named:
                    yield neutral_string(schema, place, turn=turn)
                if "integer" in named or "number" in named:
                    yield neutral_number(schema, place, turn=turn)
            except UnsatisfiableError:
                return

    def _object(self, schema: Schema, place: str, depth: int) -> Filled:
        properties = subschema(schema, "properties")
        required = [name for name in items_of(schema, "required") if isinstance(name, str)]
        values: dict[str, Filled] = {}
        for name in _in_filling_order([*properties, *(name for name in required if name not in properties)]):
            filled = self._property(name, schema, f"{place}.{name}", depth, required=name in required)
            if filled is not None:
                values[name] = filled
        self._add_dependents(schema, values, place, depth)
        self._add_further(schema, values, place, depth)
        if not values:
            return Filled({}, (place,))
        ordered = [name for name in (*properties, *values) if name in values]
        value: JSON = {name: values[name].value for name in ordered}
        return Filled(value, tuple(path for name in dict.fromkeys(ordered) for path in values[name].missing))

    def _property(self, name: str, schema: Schema, place: str, depth: int, *, required: bool) -> Filled | None:
        if not required and depth >= _DEEPEST_OPTIONAL:
            return None
        before = self.memory
        self.memory = before.copy()
        try:
            filled = self.fill(self._schema_of(name, schema, place), Property(name), place, depth + 1)
        except UnsatisfiableError:
            if required:
                raise
            filled = Filled(None, (place,))
        if required or not filled.missing:
            return filled
        self.memory = before
        return None

    def _schema_of(self, name: str, schema: Schema, place: str) -> Schema:
        parts = [part for pattern, part in subschema(schema, "patternProperties").items() if matches(pattern, name)]
        properties = subschema(schema, "properties")
        if name in properties:
            parts.append(properties[name])
        if not parts:
            parts.append(schema.get("additionalProperties", True))
        if len(parts) == 1:
            return as_schema(parts[0], place)
        return {"allOf": parts}

    def _add_dependents(self, schema: Schema, values: dict[str, Filled], place: str, depth: int) -> None:
        for name, needed in subschema(schema, "dependentRequired").items():
            for other in needed if isinstance(needed, list) and name in values else ():
                if isinstance(other, str) and other not in values:
                    filled = self._property(other, schema, f"{place}.{other}", depth, required=True)
                    values.update({other: filled} if filled else {})

    def _add_further(self, schema: Schema, values: dict[str, Filled], place: str, depth: int) -> None:
        """Add properties, declared ones first, until there are as many as `minProperties` wants."""
        least = int(number_of(schema, "minProperties") or 0)
        names = [*subschema(schema, "properties"), *(f"property{number}" for number in range(1, least + 1))]
        for name in names:
            if len(values) >= least:
                return
            if name not in values:
                filled = self._property(name, schema, f"{place}.{name}", depth, required=True)
                values.update({name: filled} if filled else {})


def _is_better(filled: Filled, other: Filled) -> bool:
    # An honest null is better than a value with gaps.
    if (filled.value is None) != (other.value is None):
        return filled.value is None
    return len(filled.missing) < len(other.missing)


def _in_filling_order(names: list[str]) -> list[str]:
    # The question is needed before its answer can be found.
    return sorted(dict.fromkeys(names), key=lambda name: not is_question(name))


def _as_written(item: Found, schema: Schema) -> JSON:
    whole = isinstance(item.value, float) and item.value.is_integer() and "integer" in types_of(schema)
    return int(item.value) if whole else item.value


def _repeats(value: JSON, items: list[JSON]) -> bool:
    return any(equal(value, item) for item in items)
