from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from budwood_offline.schemas import Filled, fill_schema
from budwood_offline.sentences import normalise

STRING, INTEGER = {"type": "string"}, {"type": "integer"}
PASSAGE = (
    "# Keys\n\nKeys rotate least recently used. A refused key is taken out. An exhausted key rests until its reset. "
    "Budgets are reserved before the call because a call may be dear. Ada Lovelace described the journal in 1843."
)


def shape(**properties):
    """
    Write the schema of an object that requires all its properties.
    """
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (shape(name=STRING, age=INTEGER, city=STRING), "Ada, 36, London", {"name": "Ada", "age": 36, "city": "London"}),
        (
            shape(name=STRING, age=INTEGER, active={"type": "boolean"}),
            "Active: no\nAge: 41\nName: Bob",
            {"name": "Bob", "age": 41, "active": False},
        ),
        (
            shape(price={"type": "number"}, currency={"enum": ["USD", "EUR"]}),
            "A ticket costs 12.50 EUR.",
            {"price": 12.5, "currency": "EUR"},
        ),
        (
            shape(born={"type": "string", "format": "date"}, mail={"type": "string", "format": "email"}),
            "She was born on 1815-12-10; write to ada@example.org.",
            {"born": "1815-12-10", "mail": "ada@example.org"},
        ),
        (shape(link={"type": "string", "format": "uri"}), "See https://x.org/a?b=1.", {"link": "https://x.org/a?b=1"}),
        (
            shape(people={"type": "array", "items": shape(name=STRING, age=INTEGER)}),
            "Ada is 36 and Bob is 41.",
            {"people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 41}]},
        ),
        ({"type": "array", "items": {"type": "number"}}, "The values are 3, 4.5 and 1,200.", [3, 4.5, 1200]),
        (shape(year=INTEGER), f"{PASSAGE} {PASSAGE} In the year 1852 it was printed.", {"year": 1852}),
        (shape(title={"type": "string", "maxLength": 8}), "Ada Lovelace", {"title": "Ada"}),
    ],
)
def test_values_come_from_the_text(schema, text, value):
    """
    Names, numbers, dates, addresses, labelled entries, mentions and lists are found in the text.
    """
    assert fill_schema(schema, text) == Filled(value)


def test_values_that_are_not_found_get_defaults():
    """
    A required value that the text does not contain gets a default, and its path is reported.
    """
    schema = shape(
        name=STRING, age={"type": "integer", "minimum": 18}, tags={"type": "array"}, note={"type": ["string", "null"]}
    )

    assert fill_schema(schema, "") == Filled(
        {"name": "", "age": 18, "tags": [], "note": None}, ("$.name", "$.age", "$.tags", "$.note")
    )


def test_a_property_named_email_or_url_gets_no_other_text():
    """
    Its value has the format, or follows its label, or is missing.
    """
    schema = shape(name=STRING, email={"type": ["string", "null"]}, url={"type": ["string", "null"]})

    filled = fill_schema(schema, "Ada, 36, London. Url: example.org/keys")

    assert filled == Filled({"name": "Ada", "email": None, "url": "example.org/keys"}, ("$.email",))


def test_optional_properties_appear_only_when_found():
    """
    A property that is not required gets no default value.
    """
    schema = {"type": "object", "properties": {"name": STRING, "mail": {"type": "string", "format": "email"}}}

    assert fill_schema(schema, "Name: Ada") == Filled({"name": "Ada"})


def test_a_question_is_filled_with_its_answer():
    """
    A row has a question about the passage and a sentence of it, in any order of the properties.
    """
    for seed in range(20):
        row = fill_schema(shape(answer=STRING, question=STRING), PASSAGE, seed=seed).value
        assert row["question"].endswith("?")
        assert row["answer"] in normalise(PASSAGE)


def test_several_rows_differ():
    """
    An array of rows repeats neither questions nor answers.
    """
    rows = fill_schema({"type": "array", "items": shape(question=STRING, answer=STRING), "minItems": 3}, PASSAGE).value

    assert len({row["question"] for row in rows}) == len(rows) >= 3
    assert len({row["answer"] for row in rows}) == len(rows)


def test_recursion_ends():
    """
    A recursive schema is filled if it can end; otherwise it is an error.
    """
    optional = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
    chain = {"$ref": "#/$defs/node", "$defs": {"node": shape(text=STRING, next=optional)}}
    tree = {"$ref": "#/$defs/node", "$defs": {"node": shape(v=STRING, kids={"type": "array", "items": {"$ref": "#"}})}}
    endless = {"$ref": "#/$defs/node", "$defs": {"node": shape(next={"$ref": "#/$defs/node"})}}

    for schema in (chain, tree):
        Draft202012Validator(schema).validate(fill_schema(schema, PASSAGE).value)
    with pytest.raises(ValueError, match="infinitely recursive"):
        fill_schema(endless, PASSAGE)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 3}, r"\$: no further value satisfies"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "no further value satisfies"),
        ({"type": "string", "enum": [1, 2]}, "no member of"),
        ({"type": "string", "const": 1}, "no member of"),
        ({"enum": []}, "no member of"),
        ({"allOf": [{"type": "string"}, {"type": "object"}]}, "no value satisfies both type"),
        ({"allOf": [{"const": 1}, {"const": 2}]}, "no value satisfies both enum"),
        ({"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b"}]}, "no value satisfies both pattern"),
        ({"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3}, "no further member"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "minItems 3 is more than maxItems 2"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"$ref": "https://example.org/schema"}, "outside the schema"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "infinitely recursive"),
        ({"type": "string", "pattern": "("}, "not supported"),
        ({"type": "integer", "minimum": 10**6, "multipleOf": 10**7, "maximum": 10**7 - 1}, "no further value"),
        (shape(a={"type": "object", "required": ["b"], "properties": {"b": False}}), r"\$.a.b: the schema False"),
        ({"anyOf": [False, {"type": "integer", "minimum": 2, "maximum": 1}]}, "no further value"),
        ({"not": {}}, "does not support `not`"),
    ],
)
def test_an_unsatisfiable_schema_is_an_error(schema, text):
    """
    A schema that no value satisfies, or with an unsupported keyword, raises an error with path and reason.
    """
    with pytest.raises(ValueError, match=text):
        fill_schema(schema, PASSAGE)


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"enum": ["a", "b", "c"]}, ["a", "b", "c"]),
        ({"type": "boolean"}, [False, True]),
        ({"type": "string", "format": "email"}, ["user1@example.org", "user2@example.org"]),
        ({"type": "string", "pattern": "^a+$"}, ["a", "aa"]),
        ({"type": "integer", "minimum": 5}, [5, 6]),
    ],
)
def test_unique_items_differ(schema, values):
    """
    An array of unique items is filled with further default values.
    """
    array = {"type": "array", "items": schema, "uniqueItems": True, "minItems": len(values)}

    assert fill_schema(array, "").value == values


NUMBERS = st.integers(-20, 20) | st.sampled_from([0.5, 2.5, -1.25, 7.0])


@st.composite
def bounded(draw, low, high, values):
    """
    Draw a lower bound, an upper bound, both or neither, that leave room for a value.
    """
    first, second = sorted((draw(values), draw(values)))
    return {**({low: first} if draw(st.booleans()) else {}), **({high: second} if draw(st.booleans()) else {})}


STRINGS = st.builds(
    lambda size, form: {"type": "string", **size, **form},
    bounded("minLength", "maxLength", st.integers(0, 30)),
    st.sampled_from([{}, {}, {"format": "date"}, {"format": "email"}, {"format": "uri"}]),
)
PATTERNS = st.sampled_from(["^a+$", "\\d{2}", "^[A-Z][a-z]{2,5}$", "^(x|y)-[^a-z]$", "^\\w+@\\w+\\.org$", "a.c", "^$"])
SCALARS = (
    STRINGS
    | st.builds(lambda bounds: {"type": "integer", **bounds}, bounded("minimum", "maximum", st.integers(-50, 50)))
    | st.builds(lambda bounds: {"type": "number", **bounds}, bounded("minimum", "maximum", NUMBERS))
    | st.builds(lambda step: {"type": "integer", "multipleOf": step, "minimum": 1}, st.integers(1, 9))
    | st.builds(lambda low: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 1}, NUMBERS)
    | st.builds(lambda pattern: {"type": "string", "pattern": pattern}, PATTERNS)
    | st.builds(
        lambda members: {"enum": members}, st.lists(st.none() | st.booleans() | NUMBERS | st.text(), min_size=1)
    )
    | st.builds(lambda member: {"const": member}, st.none() | st.booleans() | st.text())
    | st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}, True])
)
WORDS = st.sampled_from(["name", "age", "city", "question", "answer", "title", "keywords", "date", "active", "x"])


def compound(inner):
    """
    Draw schemas that contain others.
    """
    properties = st.dictionaries(WORDS, inner, max_size=4)
    return (
        st.builds(
            lambda properties, count, extra: {
                "type": "object",
                "properties": properties,
                "required": list(properties)[:count],
                **extra,
            },
            properties,
            st.integers(0, 4),
            st.sampled_from([{}, {"additionalProperties": False}]),
        )
        | st.builds(
            lambda item, sizes: {"type": "array", "items": item, **sizes},
            inner,
            bounded("minItems", "maxItems", st.integers(0, 6)),
        )
        | st.builds(lambda item: {"type": "array", "prefixItems": [item, item], "items": False, "minItems": 2}, inner)
        | st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"allOf": [part, {}]}, inner)
        | st.builds(lambda part: {"$ref": "#/$defs/part"} if part else {}, inner)
    )


SATISFIABLE = st.recursive(SCALARS, compound, max_leaves=8)
CONTEXTS = st.sampled_from(["", "Ada, 36, London", PASSAGE]) | st.text()


@settings(deadline=None)
@given(SATISFIABLE, CONTEXTS, st.integers(0, 5))
def test_every_satisfiable_schema_is_satisfied(schema, context, seed):
    """
    An independent validator accepts the value, for any schema and text.
    """
    combined = {"allOf": [schema], "$defs": {"part": {"type": "string", "maxLength": 40}}}

    filled = fill_schema(combined, context, seed=seed)

    Draft202012Validator(combined).validate(filled.value)
