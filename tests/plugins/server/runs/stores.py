"""Storages of the operator for tests of runs, and what they have."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing

from tests.postgresql_server import PASSWORD, USER
from tests.s3 import BUCKET, Objects, create_client

NAME = "team-store"
SECRET = "moto-secret"


class S3Store:
    """
    A prefix in a bucket.
    """

    def __init__(self, server, prefix):
        self.url = f"s3://{BUCKET}/{prefix}"
        self.secret = SECRET
        self.objects = Objects(create_client(server), prefix)
        self.section = {
            "plugin": "s3",
            "output": f"{self.url}/",
            "endpoint": server.endpoint,
            "access_key_id": server.access_key_id,
            "secret_access_key": SECRET,
        }

    def name_output(self, name):
        return f"{self.url}/{name}"

    def read(self, location):
        """
        Return the rows at a location, and whether they are complete.
        """
        start = location.removeprefix(f"{self.url}/")
        manifest = json.loads(self.objects.get(f"{start}/manifest.json"))
        keys = [part["key"] for part in manifest["parts"]]
        lines = [line for key in keys for line in gzip.decompress(self.objects.get(f"{start}/{key}")).splitlines()]
        return [json.loads(line)["id"] for line in lines], manifest["finished"]


class SQLiteStore:
    """
    A file of SQLite.
    """

    def __init__(self, path):
        self.path = path
        self.url = f"sqlite:///{path}"
        self.section = {"plugin": "sql", "output": self.url}

    def name_output(self, name):
        return f"{self.url}#{name}"

    def read(self, location):
        table = location.removeprefix(f"{self.url}#")
        with closing(sqlite3.connect(self.path)) as database:
            rows = database.execute(f'SELECT id FROM "{table}" ORDER BY row_index').fetchall()
            record = "SELECT is_finished FROM budwood_datasets WHERE table_name = ?"
            ((finished,),) = database.execute(record, [table]).fetchall()
        return [each for (each,) in rows], bool(finished)


class PostgreSQLStore:
    """
    A database of PostgreSQL, whose credentials are settings.
    """

    secret = PASSWORD

    def __init__(self, server):
        self._server = server
        self._database = server.new_database().rpartition("/")[2]
        self.url = f"postgresql://127.0.0.1:{server.port}/{self._database}"
        self.section = {"plugin": "sql", "output": self.url, "user": USER, "password": PASSWORD}

    def name_output(self, name):
        return f"{self.url}#{name}"

    def read(self, location):
        table = location.removeprefix(f"{self.url}#")
        with self._server.connect(self._database) as database:
            rows = database.execute(f'SELECT id FROM "{table}" ORDER BY row_index').fetchall()
            record = "SELECT is_finished FROM budwood_datasets WHERE table_name = %s"
            ((finished,),) = database.execute(record, [table]).fetchall()
        return [each for (each,) in rows], finished
