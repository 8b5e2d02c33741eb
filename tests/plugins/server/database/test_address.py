"""Addresses of databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from budwood.errors import ConfigurationError
from budwood_server.database import Database
from budwood_server.database import engine as engine_module
from budwood_server.database.address import parse_address


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_all_names_of_postgresql_are_the_same(scheme):
    """
    Hosting services write postgres://, and SQLAlchemy's documentation names the driver.
    """
    address = parse_address(f"{scheme}://me:hidden@db.example.com:5433/gateway?sslmode=require")

    assert address.dsn == "postgresql://me:hidden@db.example.com:5433/gateway?sslmode=require"
    assert address.label == "postgresql://db.example.com:5433/gateway"


def test_a_relative_path_of_sqlite_becomes_absolute(tmp_path, monkeypatch):
    """
    A worker may have another folder than its parent.
    """
    monkeypatch.chdir(tmp_path)

    assert parse_address("sqlite:///data/server.sqlite3").path == Path(tmp_path, "data/server.sqlite3")
    assert parse_address("sqlite:////srv/server.sqlite3").path == Path("/srv/server.sqlite3")
    assert parse_address("sqlite://").path is None
    assert parse_address("sqlite:///:memory:").path is None


@pytest.mark.parametrize(
    "url",
    [
        "server.sqlite3",
        "mysql://me:hidden@host/database",
        "postgresql://me:hidden@host:port/database",
        "postgresql://me:hidden@host",
        "sqlite://hidden/server.sqlite3",
        "sqlite:///server.sqlite3?mode=hidden",
        "sqlite:///file:hidden",
    ],
)
def test_an_error_does_not_quote_the_address(url):
    """
    It may contain a password. The hint shows a valid address.
    """
    with pytest.raises(ConfigurationError) as error:
        parse_address(url)

    assert "hidden" not in str(error.value)
    assert "sqlite:///" in str(error.value)


def test_secrets_are_in_no_representation():
    """
    Neither of the address, nor of the database and its engine.
    """
    url = "postgresql://me:hid%40den@db.example.com/gateway?sslpassword=private"
    address, database = parse_address(url), Database(url)

    for text in (repr(address), str(address), repr(database), repr(database.engine), str(database.engine.url)):
        assert "hid" not in text
        assert "private" not in text
    assert address.redact('no user "hid@den" or hid%40den, private') == 'no user "***" or ***, ***'


def test_postgresql_without_its_driver_names_the_command(monkeypatch):
    """
    SQLite needs nothing more; PostgreSQL needs an extra.
    """
    monkeypatch.setattr(engine_module, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match=r"pip install asyncpg 'psycopg\[binary\]'"):
        Database("postgresql://me@host/database")
