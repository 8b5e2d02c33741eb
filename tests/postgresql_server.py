"""A real PostgreSQL server for tests."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.ports import find_port

USER = "budwood"
PASSWORD = "open:s€same/@42"
QUOTED_PASSWORD = "open%3As%E2%82%ACsame%2F%4042"


def find_postgresql():
    """
    Return the folder of the newest programs. Without them the test is skipped; in CI it fails.
    """
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    folders = [folder for folder in folders if (folder / "initdb").is_file()]
    if not folders:
        if os.environ.get("CI"):
            pytest.fail("there is no PostgreSQL: run `apt-get install postgresql`")
        pytest.skip("there is no PostgreSQL on this machine: run `apt-get install postgresql`")
    return folders[-1]


class PostgreSQLServer:
    """
    A server on a free port of loopback, with a database for each test.
    """

    def __init__(self):
        self._programs = find_postgresql()
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._numbers = itertools.count()
        self._process = None
        self._as = {}
        if os.geteuid() == 0:  # initdb and the server refuse to run as root
            user = pwd.getpwnam("postgres")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self.port = find_port()

    def create(self):
        """
        Create the files of the server, with a user that has a password.
        """
        password = self._folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(0o644)
        self._run("initdb", "--no-sync", "--encoding=UTF8", "--locale=C", f"--username={USER}", f"--pwfile={password}")

    def start(self):
        """
        Start the server, and wait until it answers.
        """
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 100,
            "shared_buffers": "16MB",
            "log_min_messages": "log",  # not errors of statements: no test reads them, and the pipe would fill
        }
        command = [self._programs / "postgres", "-D", self._data]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=self._folder, start_new_session=True, **self._as
        )
        lines = []
        for line in self._process.stderr:
            lines.append(line)
            if "database system is ready to accept connections" in line:
                return
        pytest.fail("".join(lines))

    def crash(self):
        """
        Stop the server at once, as in a crash: connections break, and it recovers at the next start.
        """
        self._process.send_signal(signal.SIGQUIT)
        self._process.communicate()

    def new_database(self, options=""):
        """
        Create a database, and return its URL.
        """
        name = f"test_{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        return self.url(name)

    def url(self, database, *, user=USER, password=QUOTED_PASSWORD):
        """
        Return the URL of a database.
        """
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def connect(self, database):
        """
        Connect to a database, by its name or URL.
        """
        database = database.rpartition("/")[2]
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection

    def query(self, database, query, *names):
        """
        Return the rows of a query, in which ``{}`` stands for names.
        """
        with self.connect(database) as connection:
            return connection.execute(sql.SQL(query).format(*map(sql.Identifier, names))).fetchall()

    @property
    def _data(self):
        return self._folder / "data"

    def _run(self, program, *options):
        done = subprocess.run(
            [self._programs / program, "--auth=scram-sha-256", "-D", self._data, *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            **self._as,
        )
        if done.returncode:
            pytest.fail(f"{program}: {done.stdout}{done.stderr}")

    def __enter__(self):
        self.create()
        self.start()
        return self

    def __exit__(self, *error):
        if self._process is not None and self._process.poll() is None:
            self.crash()
        shutil.rmtree(self._folder)
