"""Settings and addresses."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from budwood.errors import ConfigurationError
from budwood_sql_storage import SQLStorageSettings
from budwood_sql_storage.address import parse_address


def address_of(output, **settings):
    """
    Parse the address of settings.
    """
    return parse_address(SQLStorageSettings(output=output, **settings), "sql")


def test_a_path_and_a_url_of_sqlite_name_a_file(tmp_path):
    """
    Paths are absolute, and the same in all forms; a relative URL begins in the current folder.
    """
    path = tmp_path / "rows.sqlite"
    outputs = [path, str(path), f"sqlite:///{path}", "sqlite:///rows.sqlite", f"sqlite+pysqlite:///{path}"]

    assert {address_of(output).path for output in outputs} == {path}
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    "output",
    ["sqlite://", "sqlite:///:memory:", "sqlite://host/rows.db", "sqlite:///rows.db?mode=ro", "sqlite:///file:rows.db"],
)
def test_sqlite_needs_a_file(output):
    """
    A database in memory or with options is refused: the rows would be lost, or the options without effect.
    """
    with pytest.raises(ConfigurationError, match="does not name a file of SQLite") as raised:
        address_of(output)

    assert "sqlite:///rows.sqlite" in raised.value.hint


@pytest.mark.parametrize("output", ["mysql://host/rows", "s3://bucket/rows", "postgresql+asyncpg://host/rows", "a\0b"])
def test_other_databases_are_refused(output):
    """
    The error of a URL for another driver lists those that work, and does not quote the URL.
    """
    with pytest.raises(ValidationError) as raised:
        SQLStorageSettings(output=output)

    assert output not in str(raised.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "POSTGRESQL"])
def test_postgresql_is_used_with_psycopg(scheme):
    """
    All usual names of PostgreSQL in URLs mean the same.
    """
    address = address_of(f"{scheme}://writer:s3cret@db.example.com:6432/rows?sslmode=require")

    assert address.url.drivername == "postgresql+psycopg"
    assert address.url.query == {"sslmode": "require"}
    assert address.label == "postgresql://db.example.com:6432/rows"


def test_user_and_password_may_be_settings():
    """
    User and password of the settings are used if the URL has none.
    """
    own = address_of("postgresql://host/rows", user="me", password="s3cret").url
    other = address_of("postgresql://you:@host/rows", user="me", password="s3cret").url

    assert (own.username, own.password) == ("me", "s3cret")
    assert (other.username, other.password) == ("you", "")


@pytest.mark.parametrize(
    "output",
    [
        "postgresql://writer:s3cret@host",
        "postgresql://writer:s3cret@host:port/rows",
        "postgresql://writer:s3cret@[::1/rows",
    ],
)
def test_errors_of_a_url_do_not_quote_it(output):
    """
    A URL that is not valid is described, not quoted: it may contain a password.
    """
    with pytest.raises(ConfigurationError, match="output: it") as raised:
        address_of(output)

    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def test_secrets_are_not_shown(make_storage, caplog):
    """
    Neither representations nor logs of SQLAlchemy contain the password or a secret option.
    """
    caplog.set_level(logging.DEBUG)
    output = "postgresql://writer:s3cret@127.0.0.1:1/rows?sslpassword=s4cret"
    settings = SQLStorageSettings(output=output, password="s5cret")
    address = parse_address(settings, "sql")
    shown = [repr(settings), settings.model_dump_json(), repr(address), repr(make_storage(output)), caplog.text]

    assert [text for text in shown if "cret@" in text or "s4cret" in text or "s5cret" in text] == []
    assert address.redact("s3cret and s4cret") == "*** and ***"


@pytest.mark.parametrize(
    ("output", "database", "table"),
    [
        ("postgresql://me:s3#cret@host/rows", "rows", None),
        ("postgresql://host/rows#reviews", "rows", "reviews"),
        ("postgresql://host/rows?host=/run/postgresql#my%20reviews", "rows", "my reviews"),
        ("sqlite:////data/rows.db#reviews", "/data/rows.db", "reviews"),
        ("sqlite:////data/rows.db#", "/data/rows.db", None),
        ("/data/rows#1.db", "/data/rows#1.db", None),
    ],
)
def test_the_fragment_of_a_url_is_the_table(output, database, table):
    """
    It is decoded; the setting ``table`` has precedence. Paths have no fragment.
    """
    address = address_of(output)

    assert (address.url.database, address.table) == (database, table)
    assert address_of(output, table="other").table == "other"


def test_a_fragment_that_cannot_be_a_table_is_an_error():
    """
    The rules are those of the setting.
    """
    with pytest.raises(ConfigurationError, match="output: the name of the table after # must not contain a dot"):
        address_of("postgresql://host/rows#public.reviews")


@pytest.mark.parametrize("table", ["", "public.rows", "budwood_datasets", "SQLite_rows", "x" * 64, "a\0b"])
def test_tables_that_cannot_be_created_are_refused(table):
    """
    The name of a table is checked before the run.
    """
    with pytest.raises(ValidationError, match="table"):
        SQLStorageSettings(output="rows.db", table=table)


def test_sqlite_has_no_schemas(make_storage):
    """
    A schema for SQLite is an error.
    """
    with pytest.raises(ConfigurationError, match=r"\[storages.sql\] schema: SQLite has no schemas"):
        make_storage("rows.db", schema="public")


def test_psycopg_is_named_if_it_is_missing(make_storage, monkeypatch):
    """
    Without the driver, the error says what to install.
    """
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match="PostgreSQL needs psycopg") as raised:
        make_storage("postgresql://host/rows")

    assert "pip install" in raised.value.hint
