"""Faults of a PostgreSQL server."""

from __future__ import annotations

import errno
import logging
import traceback

import psycopg
import pytest

from budwood.errors import ConfigurationError, CredentialError
from tests.postgresql_server import PASSWORD, QUOTED_PASSWORD
from tests.sql_datasets import make_dataset, make_row, query

pytestmark = pytest.mark.real_server


def test_a_run_continues_after_the_server_was_restarted(make_storage, own_server):
    """
    A crash of the server between two batches goes unnoticed; what was stored is still there.
    """
    output = own_server.new_database()
    storage = make_storage(output)
    storage.begin(make_dataset())
    for index in range(3):
        storage.put([make_row(index)])
        own_server.crash()
        own_server.start()

    assert storage.finish([make_row(index) for index in range(3)]) == 3


def test_a_batch_is_delivered_again_after_an_outage(make_storage, own_server):
    """
    While the server is away, `put` and `finish` raise OSError with what to do; later they succeed.
    """
    output = own_server.new_database()
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([make_row(0)])
    own_server.crash()
    for call in (lambda: storage.put([make_row(1)]), lambda: storage.finish([make_row(0), make_row(1)])):
        with pytest.raises(OSError, match="Check the address, and that the server is running"):
            call()
    own_server.start()
    storage.put([make_row(1)])

    assert storage.finish([make_row(0), make_row(1)]) == 2


def test_a_connection_that_breaks_in_a_batch_is_replaced(make_storage, server, monkeypatch):
    """
    If the server ends the connection during `put`, the batch is stored with a new one.
    """
    output = server.new_database()
    storage = make_storage(output)
    storage.begin(make_dataset())
    mark = storage._catalog.mark
    killed = []

    def kill_once(connection, *arguments, **options):
        mark(connection, *arguments, **options)
        if not killed:
            killed.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            query(output, f"SELECT pg_terminate_backend({killed[0]})")

    monkeypatch.setattr(storage._catalog, "mark", kill_once)
    storage.put([make_row(0), make_row(1)])

    assert len(killed) == 1
    assert query(output, "SELECT count(*) FROM reviews") == [(2,)]


def test_a_broken_connection_in_finish_is_an_error(make_storage, server):
    """
    `finish` cannot read its rows again: it raises OSError, and the table stays as it was.
    """
    output = server.new_database()
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([make_row(0)])

    def break_connection():
        yield from (make_row(index) for index in range(1, 600))
        query(output, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        yield make_row(600)

    with pytest.raises(OSError, match=r"terminating connection|server closed the connection|connection is lost"):
        storage.finish(break_connection())

    assert storage.load(-1, 10) == [make_row(0)]


def test_a_wrong_password_is_named_without_it(make_storage, server):
    """
    The error says to check user and password, and contains neither the right nor the wrong one.
    """
    wrong = "wr0ng"
    with pytest.raises(ConfigurationError, match="password authentication failed") as raised:
        make_storage(server.url("postgres", password=wrong)).begin(make_dataset())
    text = "".join(traceback.format_exception(raised.value))

    assert "Check the user, the password" in raised.value.hint
    assert wrong not in text
    assert PASSWORD not in text


def test_a_refusal_after_the_first_connection_is_transient(make_storage, own_server):
    """
    A password that was right is not the cause of a failure: the batch is delivered again.
    """
    output = own_server.new_database()
    storage = make_storage(output)
    storage.begin(make_dataset())
    with own_server.connect("postgres") as connection:
        connection.execute("ALTER ROLE budwood NOLOGIN")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'budwood'")
        with pytest.raises(OSError, match="not permitted to log in"):
            storage.put([make_row(0)])
        connection.execute("ALTER ROLE budwood LOGIN")
    storage.put([make_row(0)])

    assert storage.finish([make_row(0)]) == 1


def test_a_missing_password_is_an_error_with_the_ways_to_set_it(make_storage, server):
    """
    Without a password, the error lists where it can be.
    """
    output = f"postgresql://127.0.0.1:{server.port}/postgres"
    with pytest.raises(CredentialError, match="password") as raised:
        make_storage(output, user="budwood").begin(make_dataset())

    assert "PGPASSWORD" in raised.value.hint


def test_user_and_password_can_be_outside_the_url(make_storage, server, monkeypatch):
    """
    They come from the settings, or from the variables of libpq.
    """
    output = server.new_database().replace(f"budwood:{QUOTED_PASSWORD}@", "")
    make_storage(output, user="budwood", password=PASSWORD).begin(make_dataset())
    monkeypatch.setenv("PGUSER", "budwood")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    make_storage(output).begin(make_dataset())


def test_errors_contain_no_values_of_rows(make_storage, server, caplog):
    """
    Neither the error of a statement nor the log of SQLAlchemy has its parameters or the details of the server.
    """
    caplog.set_level(logging.DEBUG, "sqlalchemy.engine")
    output = server.new_database()
    storage = make_storage(output)
    storage.begin(make_dataset())
    query(output, "ALTER TABLE reviews ADD CHECK (stars < 9)")
    row = make_row(0, review="private", stars=9)
    with pytest.raises(OSError, match="violates check constraint") as raised:
        storage.put([row])

    assert "private" not in "".join(traceback.format_exception(raised.value))
    assert "private" not in caplog.text
    assert "private" not in repr(storage)


def test_a_database_that_does_not_exist_is_named(make_storage, server):
    """
    The error names the database.
    """
    with pytest.raises(ConfigurationError, match='database "nothing" does not exist') as raised:
        make_storage(server.url("nothing")).begin(make_dataset())

    assert "the name of the database" in raised.value.hint


def test_a_database_with_another_encoding_is_refused(make_storage, server):
    """
    Latin-1 cannot store all texts: the error says how to create a database that can.
    """
    output = server.new_database("ENCODING 'LATIN1'")
    with pytest.raises(ConfigurationError, match="has the encoding LATIN1") as raised:
        make_storage(output).begin(make_dataset())

    assert "createdb --encoding UTF8" in raised.value.hint


def test_missing_privileges_are_an_error(make_storage, server):
    """
    A user who may not create tables gets an error that says what to grant.
    """
    output = server.new_database()
    with server.connect(output) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with pytest.raises(ConfigurationError, match="permission denied") as raised:
        make_storage(output.replace(f"budwood:{QUOTED_PASSWORD}", "reader:reader")).begin(make_dataset())

    assert "Grant" in raised.value.hint


def test_a_read_only_server_is_an_error(make_storage, server):
    """
    A standby refuses to write: the error says to use the primary server.
    """
    output = server.new_database()
    with server.connect("postgres") as connection:
        name = output.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(ConfigurationError, match="read-only") as raised:
        make_storage(output).begin(make_dataset())

    assert "primary" in raised.value.hint


def test_a_locked_table_is_a_transient_error(make_storage, server):
    """
    If another transaction holds the table for longer than the timeout, `put` raises OSError, and can be repeated.
    """
    output = server.new_database()
    storage = make_storage(output, timeout=0.1)
    storage.begin(make_dataset())
    with psycopg.connect(output) as other:
        other.execute("LOCK TABLE reviews")
        with pytest.raises(OSError, match="Another transaction has locked the table") as raised:
            storage.put([make_row(0)])
    storage.put([make_row(0)])

    assert raised.value.errno == errno.EIO
    assert storage.finish([make_row(0)]) == 1


def test_statements_are_not_prepared_on_the_server(make_storage, server):
    """
    Poolers between client and server give each transaction another connection, which lacks prepared statements.
    """
    storage = make_storage(server.new_database())
    storage.begin(make_dataset())
    for index in range(10):
        storage.put([make_row(index), make_row(index + 1)])
    count = "SELECT count(*) FROM pg_prepared_statements"
    prepared = storage._database.read(lambda connection: connection.exec_driver_sql(count).scalar_one())

    assert prepared == 0
