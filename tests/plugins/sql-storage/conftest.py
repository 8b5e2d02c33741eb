"""A PostgreSQL server, and storages in SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from budwood_sql_storage import SQLStorageSettings
from budwood_sql_storage.storage import build_sql_storage
from budwood_testing import plugin_context
from tests.postgresql_server import PostgreSQLServer


@pytest.fixture(scope="session")
def server():
    """
    A server for all tests of this process.
    """
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture
def own_server():
    """
    A server that the test may stop.
    """
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture
def make_storage():
    """
    Build storages, and close them after the test.
    """
    created = []

    def make(output, **settings):
        settings = SQLStorageSettings(output=output, **settings)
        created.append(build_sql_storage(settings, plugin_context("sql")))
        return created[-1]

    yield make
    for storage in created:
        storage.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def output(request, tmp_path):
    """
    An empty database of each kind.
    """
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rows.sqlite'}"
    return request.getfixturevalue("server").new_database()
