"""The storage in the conformance suites of the test kit."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from budwood_testing import PackagingSuite, StorageSuite
from tests.postgresql_server import PASSWORD, QUOTED_PASSWORD

LAYOUT = "SELECT layout FROM budwood_datasets WHERE table_name = 'rows'"


def merge(layout, names, records):
    """
    Return data from records of a table, without the code of the storage: all fields are of one level and optional.
    """
    fields = {name: path[-1] for name, path, *_ in json.loads(layout)["columns"]}
    rows = []
    for record in records:
        values = dict(zip(names, record, strict=True))
        extra = json.loads(values["row_extra"] or "{}")
        rows.append({field: values[name] for name, field in fields.items() if values[name] is not None} | extra)
    return rows


class TestSQLite(StorageSuite):
    plugin = "sql"
    file_name = "rows.sqlite"
    replaces = False
    strict = True

    def read_back(self, output):
        """
        Read the table with `sqlite3`.
        """
        connection = sqlite3.connect(Path(output).as_uri() + "?mode=ro", uri=True)
        cursor = connection.execute("SELECT * FROM rows ORDER BY row_index")
        names = [name for name, *_ in cursor.description]
        (layout,) = connection.execute(LAYOUT).fetchone()
        rows = merge(layout, names, cursor.fetchall())
        connection.close()
        return [self._convert(row) for row in rows]

    def read_ids(self, output):
        """
        Read the ids.
        """
        connection = sqlite3.connect(output)
        ids = [identifier for (identifier,) in connection.execute("SELECT id FROM rows ORDER BY row_index")]
        connection.close()
        return ids

    def _convert(self, row):
        """
        Decode the nested fields of the suite: SQLite has neither JSON nor booleans.
        """
        nested = {name: json.loads(row[name]) for name in ("messages", "any") if name in row}
        return {**row, **nested, **({"flag": bool(row["flag"])} if "flag" in row else {})}


@pytest.mark.real_server
class TestPostgreSQL(StorageSuite):
    plugin = "sql"
    replaces = False
    strict = True
    secrets = (PASSWORD, QUOTED_PASSWORD)

    @pytest.fixture(autouse=True)
    def use(self, server):
        """
        Use a new database.
        """
        self.server = server
        self.database = server.new_database()

    def output(self, folder):
        return self.database

    def read_back(self, output):
        """
        Read the table with `psycopg`.
        """
        with self.server.connect(output) as connection:
            cursor = connection.execute("SELECT * FROM rows ORDER BY row_index")
            names = [column.name for column in cursor.description]
            return merge(*connection.execute(LAYOUT).fetchone(), names, cursor.fetchall())

    def read_ids(self, output):
        """
        Read the ids.
        """
        return [identifier for (identifier,) in self.server.query(output, "SELECT id FROM rows ORDER BY row_index")]

    def unusable_output(self, folder):
        """
        Return a database that does not exist.
        """
        return self.server.url("nothing")


class TestPackage(PackagingSuite):
    distribution = "budwood-sql-storage"
