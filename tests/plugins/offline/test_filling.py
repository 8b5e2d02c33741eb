from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from budwood_offline.filling import Filled, fill_schema
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
    ("schema", "context", "value"),
    [
        (shape(name=STRING, age=INTEGER, city=STRING), "Ada, 36, London", {"name": "Ada", "age": 36, "city": "London"}),
        (shape(city=STRING, age=INTEGER, name=STRING), "Ada, 36, London", {"name": "Ada", "age": 36, "city": "London"}),
        (
            shape(name=STRING, age=INTEGER, children=INTEGER, city=STRING),
            "Ada Lovelace from London has three children and is 36 years old.",
            {"name": "Ada Lovelace", "age": 36, "children": 3, "city": "London"},
        ),
        (
            shape(name=STRING, age=INTEGER, active={"type": "boolean"}),
            "Active: no\nAge: 41\nName: Bob",
            {"name": "Bob", "age": 41, "active": False},
        ),
        (
            shape(first_name=STRING, last_name=STRING),
            "The programme was written by Ada Lovelace.",
            {"first_name": "Ada", "last_name": "Lovelace"},
        ),
        (
            shape(price={"type": "number"}, currency={"enum": ["USD", "EUR"]}),
            "The hall seats 300 people. A ticket costs 12.50 EUR.",
            {"price": 12.5, "currency": "EUR"},
        ),
        (
            shape(born={"type": "string", "format": "date"}, mail={"type": "string", "format": "email"}),
            "She was born on 10 December 1815; write to ada@example.org.",
            {"born": "1815-12-10", "mail": "ada@example.org"},
        ),
        (shape(link={"type": "string", "format": "uri"}), "See https://x.org/a?b=1.", {"link": "https://x.org/a?b=1"}),
        (shape(code={"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"}), "It is AB-123.", {"code": "AB-123"}),
        (shape(mood={"enum": ["good", "very good", "bad"]}), "The mood was very good.", {"mood": "very good"}),
        (shape(rotates={"type": "boolean"}), "A key never rotates.", {"rotates": False}),
        (
            shape(people={"type": "array", "items": shape(name=STRING, age=INTEGER)}),
            "Ada is 36 and Bob is 41.",
            {"people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 41}]},
        ),
        ({"type": "array", "items": {"type": "number"}}, "The values are 3, 4.5 and 1,200.", [3, 4.5, 1200]),
    ],
)
def test_values_come_from_the_context(schema, context, value):
    """
    Names, numbers, dates, addresses, labels, mentions and lists are found where the context holds them.
    """
    assert fill_schema(schema, context) == Filled(value)


def test_what_is_not_found_is_neutral_and_reported():
    """
    A required value that the context does not hold is as near to nothing as its schema allows, and its path is told.
    """
    schema = shape(
        name=STRING, age={"type": "integer", "minimum": 18}, tags={"type": "array"}, note={"type": ["string", "null"]}
    )

    assert fill_schema(schema, "") == Filled(
        {"name": "", "age": 18, "tags": [], "note": None}, ("$.name", "$.age", "$.tags", "$.note")
    )


def test_a_name_is_no_address():
    """
    A property that is called email or url holds one, or what a label says it is, and nothing else of the text.
    """
    schema = shape(name=STRING, email={"type": ["string", "null"]}, url={"type": ["string", "null"]})

    filled = fill_schema(schema, "Ada, 36, London. Url: example.org/keys")

    assert filled == Filled({"name": "Ada", "email": None, "url": "example.org/keys"}, ("$.email",))


def test_optional_properties_appear_only_when_found():
    """
    Nothing is made up where nothing is required.
    """
    schema = {"type": "object", "properties": {"name": STRING, "mail": {"type": "string", "format": "email"}}}

    assert fill_schema(schema, "Name: Ada") == Filled({"name": "Ada"})


def test_questions_and_answers_belong_together():
    """
    A row holds a question about the passage and the sentence that answers it, whatever their order.
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


def test_the_seed_varies_questions():
    """
    Another seed asks something else; the same seed the same.
    """
    schema = shape(question=STRING)
    values = [fill_schema(schema, PASSAGE, seed=seed).value["question"] for seed in range(10)]

    assert len(set(values)) > 5
    assert values == [fill_schema(schema, PASSAGE, seed=seed).value["question"] for seed in range(10)]


def test_recursion_ends():
    """
    A schema that refers to itself is filled to a bound where it may end, and refused where it may not.
    """
    optional = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
    chain = {"$ref": "#/$defs/node", "$defs": {"node": shape(text=STRING, next=optional)}}
    tree = {"$ref": "#/$defs/node", "$defs": {"node": shape(v=STRING, kids={"type": "array", "items": {"$ref": "#"}})}}
    endless = {"$ref": "#/$defs/node", "$defs": {"node": shape(next={"$ref": "#/$defs/node"})}}

    for schema in (chain, tree):
        Draft202012Validator(schema).validate(fill_schema(schema, PASSAGE).value)
    with pytest.raises(ValueError, match="without end"):
        fill_schema(endless, PASSAGE)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum 5 is more than maximum 3"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "no integer meets"),
        ({"type": "string", "enum": [1, 2]}, "no member of the enumeration"),
        ({"type": "string", "const": 1}, "the constant 1"),
        ({"enum": []}, "no member of the enumeration"),
        ({"allOf": [{"type": "string"}, {"type": "object"}]}, "no value is both string and object"),
        ({"allOf": [{"const": 1}, {"const": 2}]}, "no value is both 1 and 2"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "minLength 3 is more than maxLength 2"),
        ({"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3}, "at least 3 items"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "https://example.org/schema"}, "outside the schema"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "in a circle"),
        ({"type": "string", "pattern": "(?=x)y"}, "look-around"),
        (shape(a={"type": "object", "required": ["b"], "properties": {"b": False}}), "\\$.a.b: the schema `false`"),
        ({"anyOf": [False, {"type": "integer", "minimum": 2, "maximum": 1}]}, "`false` allows no value"),
        ({"not": {}}, "no value was found"),
    ],
)
def test_an_impossible_schema_is_refused_with_place_and_reason(schema, text):
    """
    What cannot be satisfied is a ValueError that says where and why.
    """
    with pytest.raises(ValueError, match=text):
        fill_schema(schema, PASSAGE)


NUMBERS = st.integers(-20, 20) | st.sampled_from([0.5, 2.5, -1.25, 7.0])


@st.composite
def bounded(draw, low, high, values):
    """
    Draw a pair of bounds that leaves room, either of them or none.
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
    Draw schemas that hold others.
    """
    properties = st.dictionaries(WORDS, inner, max_size=4)
    return (
        st.builds(
            lambda held, count, extra: {
                "type": "object",
                "properties": held,
                "required": list(held)[:count],
                **extra,
            },
            properties,
            st.integers(0, 4),
            st.sampled_from([{}, {"additionalProperties": False}, {"minProperties": 2}]),
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
    Whatever the schema and the context, the value is valid by an independent validator.
    """
    whole = {"allOf": [schema], "$defs": {"part": {"type": "string", "maxLength": 40}}}

    filled = fill_schema(whole, context, seed=seed)

    Draft202012Validator(whole).validate(filled.value)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["oneOf", "anyOf", "allOf"]), st.lists(SATISFIABLE, min_size=1, max_size=3), max_size=2
    ),
    SATISFIABLE,
    st.booleans(),
)
def test_an_odd_schema_is_satisfied_or_refused(branches, schema, unique):
    """
    A schema that may contradict itself gives a valid value or a ValueError, never another value.
    """
    whole = {
        **branches,
        "$defs": {"part": {"type": "integer"}},
        "not": {"const": ""},
        "if": {"type": "array"},
        "then": {"uniqueItems": unique, "minItems": 2},
        "else": schema,
    }

    try:
        filled = fill_schema(whole, PASSAGE)
    except ValueError:
        return
    Draft202012Validator(whole).validate(filled.value)
