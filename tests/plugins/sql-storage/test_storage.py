"""Tables of rows in SQLite and PostgreSQL."""

from __future__ import annotations

import json

import pytest

from budwood.errors import ConfigurationError
from budwood.types import Row
from tests.sql_datasets import SCHEMA, make_dataset, make_row, query

COLUMNS = "id, row_index, review, stars, score, is_kind, tags, row_extra"
STATE = "SELECT is_finished, rows FROM budwood_datasets"


def test_a_table_has_typed_columns(make_storage, output):
    """
    Each field of a structured value is a column of its type; lists are JSON. The table has the name of the dataset.
    """
    storage = make_storage(output)
    storage.begin(make_dataset(name="My reviews"))
    storage.put([make_row(0)])
    ((*scalars, tags, extra),) = query(output, f"SELECT {COLUMNS} FROM my_reviews")

    assert scalars == ["00000000", 0, "Good.", 5, 0.5, True]
    assert (json.loads(tags) if isinstance(tags, str) else tags) == ["new"]
    assert extra is None


@pytest.mark.real_server
def test_types_of_postgresql(make_storage, server):
    """
    PostgreSQL has text, bigint, double precision, boolean and jsonb.
    """
    output = server.new_database()
    make_storage(output).begin(make_dataset())
    types = dict(
        query(output, "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'reviews'")
    )

    assert types == {
        "id": "text",
        "row_index": "bigint",
        "review": "text",
        "stars": "bigint",
        "score": "double precision",
        "is_kind": "boolean",
        "tags": "jsonb",
        "row_extra": "text",
    }


@pytest.mark.real_server
def test_a_schema_is_created_and_used(make_storage, server):
    """
    The setting ``schema`` names the schema of the tables; one that does not exist is created.
    """
    output = server.new_database()
    storage = make_storage(output, schema="Synthetic data", table="re%views")
    for _ in range(2):
        storage.begin(make_dataset())
        storage.put([make_row(0)])
    other = make_storage(output, table="re%views")
    other.begin(make_dataset(run="0ddb"))

    assert storage.finish([make_row(0)]) == 1
    assert query(output, 'SELECT count(*) FROM "Synthetic data"."re%views"') == [(1,)]
    assert query(output, 'SELECT count(*) FROM public."re%views"') == [(0,)]


def test_the_table_becomes_equal_to_the_dataset(make_storage, output):
    """
    `finish` stores rows that are missing, replaces those that differ, and removes those that the dataset does not have.
    """
    storage = make_storage(output)
    storage.begin(make_dataset())
    stale = Row(id="stale", index=2, data={})
    moved = Row(id=make_row(9).id, index=0, data={})
    storage.put([moved, make_row(1, stars=1), stale, make_row(3), make_row(2000)])
    rows = [make_row(1), make_row(3), make_row(9), *(make_row(index) for index in range(100, 1900))]

    assert storage.finish(iter(rows)) == len(rows)
    assert storage.load(-1, 5000) == rows
    assert [tuple(map(int, state)) for state in query(output, STATE)] == [(1, len(rows))]


def test_state_is_recorded(make_storage, output):
    """
    The record says whether the table is complete: not after `put`, and still after `begin`.
    """
    storage = make_storage(output)
    states = []
    for step in (
        lambda: storage.begin(make_dataset()),
        lambda: storage.put([make_row(0)]),
        lambda: storage.finish([make_row(0)]),
        lambda: storage.begin(make_dataset()),
        lambda: storage.put([]),
        lambda: storage.put([make_row(1)]),
        lambda: storage.finish([make_row(0), make_row(1)]),
    ):
        step()
        states += [(bool(is_finished), rows) for is_finished, rows in query(output, STATE)]

    assert states == [(False, None), (False, None), (True, 1), (True, 1), (True, 1), (False, None), (True, 2)]


def test_a_failure_of_finish_changes_nothing(make_storage, output):
    """
    If reading the rows fails, table and state are as before.
    """
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.finish([make_row(0)])

    def fail():
        yield make_row(1)
        yield from (make_row(index) for index in range(2, 2000))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.finish(fail())

    assert storage.load(-1, 10) == [make_row(0)]
    assert [tuple(map(int, state)) for state in query(output, STATE)] == [(1, 1)]


@pytest.mark.real_server
def test_equal_rows_are_not_written_again(make_storage, server):
    """
    `finish` writes only what differs: JSONB with other spaces and another order of keys is equal.
    """
    output = server.new_database()
    storage = make_storage(output)
    storage.begin(make_dataset())
    rows = [make_row(0, tags=[{"b": 1, "a": 1.5}]), make_row(1, extra="field"), make_row(2, tags=True), make_row(3)]
    storage.put([*rows[:2], make_row(2, tags=1), rows[3]])
    before = dict(query(output, "SELECT row_index, xmin::text FROM reviews"))
    storage.finish(rows)
    after = dict(query(output, "SELECT row_index, xmin::text FROM reviews"))

    assert [index for index in before if before[index] != after[index]] == [2]
    assert storage.load(1, 1) == [rows[2]]
    assert storage.load(1, 1)[0].data["value"]["tags"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"review": None},
        {"review": 7},
        {"review": "lone \ud800"},
        {"review": "NUL \0"},
        {"stars": 2**63},
        {"stars": -(2**63)},
        {"stars": 4.5},
        {"stars": True},
        {"score": 2**53 + 1},
        {"score": 1e300},
        {"score": None},
        {"score": float("inf")},
        {"is_kind": 1},
        {"tags": "text"},
        {"tags": 1.0},
        {"tags": 2**70},
        {"tags": [1e23, 1e-300, 2**70]},
        {"tags": ["NUL \0", "1e+23", "\\u0000"]},
        {"tags": {"lone \udfff": {"NUL \0": [None]}}},
        {"tags": None},
        {"unknown": "field"},
        {"unknown": None},
    ],
    ids=str,
)
def test_values_that_do_not_fit_are_preserved(make_storage, output, changes):
    """
    Values of other types, large numbers, NUL and unknown fields are preserved, with their types.
    """
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([make_row(0, **changes)])
    (row,) = storage.load(-1, 10)

    assert row == make_row(0, **changes)
    assert {name: type(row.data["value"][name]) for name in changes} == {
        name: type(value) for name, value in changes.items()
    }
    assert storage.finish([make_row(0, **changes)]) == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"value": {}},
        {"value": {"review": "Good.", "stars": 5}},
        {"value": None},
        {"value": [1]},
        {"id": "other", "value": {"review": "Good.", "stars": 5}},
        {"id": "0", "value": {"review": "Good."}},
        {"id": "0", "value": {"review": None, "stars": None}},
        {"id": "0", "value": {"review": "", "stars": 0, "more": {}}, "more": []},
    ],
    ids=str,
)
def test_data_that_does_not_follow_the_schema_is_preserved(make_storage, output, data):
    """
    Absent fields stay absent, and null stays null, also where the schema requires another value.
    """
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([Row(id="0", index=0, data=data)])

    assert storage.load(-1, 1) == [Row(id="0", index=0, data=data)]


def test_texts_that_look_like_special_values_are_in_their_column(make_storage, output):
    """
    A text that contains the notation of NUL or of a large number is no reason to leave the column empty.
    """
    tags = ["\\u0000", "1e+23"]
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([make_row(0, tags=tags)])
    ((stored, extra),) = query(output, "SELECT tags, row_extra FROM reviews")

    assert (json.loads(stored) if isinstance(stored, str) else stored) == tags
    assert extra is None


def test_a_table_of_another_run_is_refused(make_storage, output):
    """
    `begin` names the table, the database and the way out, and changes nothing.
    """
    make_storage(output).begin(make_dataset())
    with pytest.raises(
        ConfigurationError, match=r"The table 'reviews' in .* contains the rows of another run"
    ) as raised:
        make_storage(output).begin(make_dataset(run="0ddb"))
    other = make_storage(output, table="more_reviews")
    other.begin(make_dataset(run="0ddb"))

    assert "end the URL with #NAME, or set `table` of the storage" in raised.value.hint
    assert other.finish([make_row(0)]) == 1
    assert query(output, "SELECT table_name, run FROM budwood_datasets ORDER BY table_name") == [
        ("more_reviews", "0ddb"),
        ("reviews", "5eed"),
    ]


def test_a_table_of_another_program_is_refused(make_storage, output):
    """
    A table that Budwood did not create is not written to.
    """
    query(output, "CREATE TABLE reviews (id text)")
    with pytest.raises(ConfigurationError, match="was not created by Budwood"):
        make_storage(output).begin(make_dataset())

    assert query(output, "SELECT count(*) FROM reviews") == [(0,)]


def test_a_name_is_free_after_its_table_was_renamed(make_storage, output):
    """
    The record of a table that does not exist any more binds no later run.
    """
    make_storage(output).begin(make_dataset())
    query(output, "ALTER TABLE reviews RENAME TO old_reviews")
    storage = make_storage(output)
    storage.begin(make_dataset(run="0ddb"))

    assert storage.finish([make_row(0)]) == 1


def test_a_table_that_was_removed_is_an_error_until_begin(make_storage, output):
    """
    `put` says that the table is missing; `begin` creates it again, and `finish` stores all rows.
    """
    storage = make_storage(output)
    storage.begin(make_dataset())
    query(output, "DROP TABLE reviews")
    with pytest.raises(ConfigurationError, match="reviews") as raised:
        storage.put([make_row(0)])
    storage.begin(make_dataset())

    assert "Resume the run" in raised.value.hint
    assert storage.finish([make_row(0), make_row(1)]) == 2


def test_a_run_that_lost_its_table_cannot_write(make_storage, output):
    """
    A process whose table was taken over by another run writes nothing into it.
    """
    storage = make_storage(output)
    storage.begin(make_dataset())
    query(output, "DROP TABLE reviews")
    make_storage(output).begin(make_dataset(run="0ddb"))
    with pytest.raises(ConfigurationError, match="belongs to another"):
        storage.put([make_row(0)])

    assert query(output, "SELECT count(*) FROM reviews") == [(0,)]


def test_new_fields_are_new_columns(make_storage, output):
    """
    A run that continues with more fields adds columns; stored rows lack these fields.
    """
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([make_row(0)])
    properties = {**SCHEMA["properties"], "so%urce": {"type": "string"}}
    schema = {**SCHEMA, "properties": properties, "required": ["id", "value", "so%urce"]}
    later = make_storage(output)
    later.begin(make_dataset(schema=schema))
    row = make_row(1)
    row.data["so%urce"] = "a.md"
    later.put([row])

    assert later.load(-1, 10) == [make_row(0), row]
    assert query(output, 'SELECT "so%urce" FROM reviews ORDER BY row_index') == [(None,), ("a.md",)]


def test_a_table_of_another_version_is_refused(make_storage, output):
    """
    A record in a form that is not known is an error.
    """
    make_storage(output).begin(make_dataset())
    query(output, "UPDATE budwood_datasets SET layout = '{\"version\": 99}'")
    with pytest.raises(ConfigurationError, match="another version of budwood-sql-storage"):
        make_storage(output).begin(make_dataset())


def test_messages_are_one_column(make_storage, output):
    """
    Conversations are JSON in the column ``messages``.
    """
    schema = {"properties": {"messages": {"type": "array"}}}
    messages = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "\u2028 So."}]
    storage = make_storage(output)
    storage.begin(make_dataset(schema=schema, content="messages"))
    storage.put([Row(id="a", index=0, data={"messages": messages})])
    ((stored,),) = query(output, "SELECT messages FROM reviews")

    assert (json.loads(stored) if isinstance(stored, str) else stored) == messages


def test_methods_need_begin(make_storage, output):
    """
    Storing before `begin` is a fault of the program.
    """
    for call in (lambda it: it.put([]), lambda it: it.finish([]), lambda it: it.load(-1, 1)):
        with pytest.raises(RuntimeError, match="begin"):
            call(make_storage(output))
