"""Any row with any schema, through real databases."""

from __future__ import annotations

import itertools
from contextlib import closing

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.types import Dataset, Row
from budwood_sql_storage import SQLStorageSettings
from budwood_sql_storage.storage import build_sql_storage
from budwood_testing import plugin_context

NAMES = st.one_of(
    st.sampled_from(["id", "value", "ID", "Value", "a", "A", "a.b", "a%", "%(a)s", ":a", "?", '"', "order", "xmin"]),
    st.text(max_size=8),
    st.text(min_size=60, max_size=70),
)
TYPES = ["string", "integer", "number", "boolean", "array", "object", None]
FIELDS = st.sampled_from(TYPES).map(lambda name: {} if name is None else {"type": name})
TEXTS = st.text(st.characters(), max_size=10)  # with NUL and lone surrogates
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)
tables = (f"rows {number}" for number in itertools.count())


@st.composite
def datasets(draw):
    """
    Draw a schema, and data with fields that it names and others.
    """
    names = draw(st.lists(NAMES, unique=True, max_size=6))
    schema = draw(schemas(names))
    inner = draw(st.lists(NAMES, unique=True, max_size=6))
    if draw(st.booleans()):
        schema["properties"]["value"] = draw(schemas(inner))
    values = st.fixed_dictionaries({}, optional=dict.fromkeys(inner, VALUES))
    fields = dict.fromkeys(names, VALUES) | {"value": st.one_of(values, OBJECTS, VALUES)}
    rows = draw(st.lists(st.one_of(OBJECTS, st.fixed_dictionaries({}, optional=fields)), max_size=4))
    return schema, rows


def schemas(names):
    """
    Return schemas of objects with these properties, some of them required.
    """
    required = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    properties = st.fixed_dictionaries(dict.fromkeys(names, FIELDS))
    return st.fixed_dictionaries({"type": st.just("object"), "properties": properties, "required": required})


def describe(value):
    """
    Return a value with its types, so that 1 and True differ. A whole number may be of either type.
    """
    if isinstance(value, dict):
        return {name: describe(one) for name, one in value.items()}
    if isinstance(value, list):
        return [describe(one) for one in value]
    return (isinstance(value, bool), value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(datasets())
def test_any_row_is_preserved(output, drawn):
    """
    `load` returns the data that was put, whatever its fields, types and schema; `finish` finds it equal.
    """
    schema, data = drawn
    rows = [Row(id=str(index), index=index, data=one) for index, one in enumerate(data)]
    options = SQLStorageSettings(output=output, table=next(tables))
    with closing(build_sql_storage(options, plugin_context("sql"))) as storage:
        storage.begin(Dataset(run="5eed", name="rows", content="value", schema=schema, rows=4))
        storage.put(rows)
        loaded = storage.load(-1, 10)

        assert [describe(row.data) for row in loaded] == [describe(row.data) for row in rows]
        assert storage.finish(rows) == len(rows)
        assert storage.load(-1, 10) == loaded
