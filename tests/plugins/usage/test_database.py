"""Records in a database of a program's own."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, select, text

from budwood.errors import ConfigurationError
from budwood.types import Attempt, CallFilter, RequestFinished, Usage
from budwood_usage import database
from budwood_usage.database.schema import _MIGRATIONS
from budwood_usage.rows import CALLS, collect, make_rows
from tests.postgresql_server import PostgreSQLServer

TARGET = {"provider": "acme", "model": "large"}
EVERYTHING = CallFilter()


@pytest.fixture(scope="module")
def postgresql():
    """
    A server for the tests of this module.
    """
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def engine(request, tmp_path):
    """
    An engine of an empty database, once of SQLite and once of PostgreSQL.
    """
    url = f"sqlite:///{tmp_path}/own.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database().replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def with_tables(engine):
    """
    An engine of a database with the tables.
    """
    with engine.begin() as connection:
        database.upgrade(connection)
    return engine


def make(*calls, time=1_775_000_000.0, **fields):
    """
    Return the rows of calls.
    """
    usage = Usage(input_tokens=10, output_tokens=2)
    attempt = Attempt(**TARGET, key="default", status=200, duration=1.0, cost=Decimal("0.5"), usage=usage)
    event = {"service": "chat", **TARGET, "seconds": 1.0, "attempts": (attempt,), "response": None, "error": None}
    ended = [collect(RequestFinished(call=call, prompt="", **event | fields), time, None) for call in calls]
    return make_rows(ended)[0]


def test_records_are_written_and_read_on_a_connection(with_tables):
    """
    They are part of the program's transaction, which it commits.
    """
    with with_tables.begin() as connection:
        database.add(connection, make("1", "2", tags={"user": "ada"}, label="a"))
        database.add(connection, make("3", error=ValueError()), dropped_calls=4)
    with with_tables.begin() as connection:
        database.add(connection, make("4"))
        connection.rollback()

    with with_tables.connect() as connection:
        found = database.find_calls(connection, EVERYTHING)
        totals = database.sum_calls(connection, ("tag:user", "day"), EVERYTHING)
        assert database.read_dropped(connection) == 4
        own = connection.execute(select(database.calls.c.call).where(database.calls.c.label == "a")).scalars().all()
        (tags,) = connection.execute(select(database.calls.c.tags).where(database.calls.c.call == "1")).scalars()
    assert [each.call for each in found] == ["3", "2", "1"]
    assert (found[2].tags, found[2].cost, found[0].error) == ({"user": "ada"}, Decimal("0.5"), "ValueError")
    assert [(each.group, each.calls, each.cost) for each in totals] == [
        ((None, "2026-03-31"), 1, Decimal("0.5")),
        (("ada", "2026-03-31"), 2, Decimal(1)),
    ]
    assert (own, tags) == (["1", "2"], {"user": "ada"})


def test_pages_of_records_have_each_one_once(with_tables):
    """
    Also of calls that ended at the same time, and if others are recorded meanwhile.
    """
    with with_tables.begin() as connection:
        for time in (1.5, 0.1 + 0.2, 2.5):
            database.add(connection, make(*(f"{time}-{number}" for number in range(3)), time=time))

    pages, before = [], None
    for _ in range(6):
        with with_tables.begin() as connection:
            page = database.find_calls(connection, EVERYTHING, before=before, limit=2)
            database.add(connection, make(f"new-{len(pages)}", time=3.5))
        pages.append([(record.time, record.call) for record in page])
        before = database.Place(page[-1].time, page[-1].id) if page else before

    assert [len(page) for page in pages] == [2, 2, 2, 2, 1, 0]
    calls = [call for page in pages for call in page]
    assert len(set(calls)) == 9
    assert [time for time, _ in calls] == [2.5] * 3 + [1.5] * 3 + [0.1 + 0.2] * 3


def test_last_id_is_that_of_the_newest_record(with_tables):
    """
    Records after it are those that are written later.
    """
    with with_tables.begin() as connection:
        assert database.read_last_id(connection) == 0
        database.add(connection, make("1", "2"))
        last = database.read_last_id(connection)
        database.add(connection, make("3", time=1.0))

        assert [record.call for record in database.find_calls(connection, EVERYTHING, after=last)] == ["3"]


def test_number_of_groups_can_be_limited(with_tables):
    """
    So that one query does not return all users of a large database.
    """
    with with_tables.begin() as connection:
        for number in range(5):
            database.add(connection, make(str(number), label=f"{number}"))

        assert len(database.sum_calls(connection, ("label",), EVERYTHING, limit=3)) == 3
        assert len(database.sum_calls(connection, ("label",), EVERYTHING)) == 5


def test_batch_that_is_written_again_adds_no_row_twice(with_tables):
    """
    Its commit may not have been confirmed.
    """
    for _ in range(2):
        with with_tables.begin() as connection:
            database.add(connection, make("1", "2"))

    with with_tables.connect() as connection:
        assert len(database.find_calls(connection, EVERYTHING)) == 2


def test_old_records_are_removed_in_portions(with_tables):
    """
    Newer ones stay, and ids are not used again.
    """
    with with_tables.begin() as connection:
        database.add(connection, make("1", "2", "3", time=1.0))
        assert database.prune(connection, before=5.0, limit=2) == 2
        assert database.prune(connection, before=1.0) == 0
        assert database.prune(connection, before=5.0) == 1
        database.add(connection, make("4", time=6.0))
        [record] = database.find_calls(connection, EVERYTHING)

    assert (record.call, record.id) == ("4", 4)


def is_no_index(_object, _name, kind, _is_reflected, _other):
    """
    Leave indexes out of a comparison: they are only in the migrations.
    """
    return kind != "index"


def test_tables_are_those_of_the_migrations(with_tables):
    """
    The tables for SQLAlchemy have the same columns and types.
    """
    with with_tables.connect() as connection:
        opts = {"version_table": database.VERSION_TABLE, "include_object": is_no_index}
        context = MigrationContext.configure(connection, opts=opts)
        differences = compare_metadata(context, database.METADATA)
        assert database.find_version(connection) == database.HEAD
        indexes = {index["name"] for index in inspect(connection).get_indexes(CALLS)}

    assert differences == []
    assert indexes >= {"budwood_errors_by_time", "budwood_failures_by_time"}


def test_head_is_the_newest_migration():
    """
    A migration without its number in the code would never run.
    """
    assert ScriptDirectory(str(_MIGRATIONS)).get_heads() == [database.HEAD]


def test_upgrade_is_part_of_the_transaction(engine):
    """
    If the program rolls back, nothing was created; upgrading twice changes nothing.
    """
    with engine.begin() as connection:
        database.upgrade(connection)
        connection.rollback()
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
        assert database.find_version(connection) is None

    for _ in range(2):
        with engine.begin() as connection:
            database.upgrade(connection)
    with engine.connect() as connection:
        assert database.read_dropped(connection) == 0


def test_newer_tables_are_refused(with_tables):
    """
    The error has the address and the cure of the caller.
    """
    with with_tables.begin() as connection:
        connection.execute(text(f"UPDATE {database.VERSION_TABLE} SET version_num = '0999'"))

    with with_tables.begin() as connection, pytest.raises(ConfigurationError, match="in here are of a newer") as caught:
        database.upgrade(connection, "here", "Do this.")

    assert caught.value.hint == "Do this."
    assert database.is_newer("0999")
    assert not database.is_newer(database.HEAD)
    assert not database.is_newer(None)


def test_importing_it_does_not_import_alembic():
    """
    Only a change of the tables needs it.
    """
    program = "import sys, budwood_usage.database; print('alembic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "False"
