"""Databases of SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from tests.postgresql_server import PostgreSQLServer


@pytest.fixture(scope="session")
def postgresql():
    """
    A server of PostgreSQL.
    """
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path):
    """
    The URL of a file that does not exist yet.
    """
    return f"sqlite:///{tmp_path}/data/server.sqlite3"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def database_url(request):
    """
    The URL of an empty database, once of SQLite and once of PostgreSQL.
    """
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    return request.getfixturevalue("postgresql").new_database()
