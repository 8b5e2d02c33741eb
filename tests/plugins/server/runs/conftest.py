"""Storages of the operator that runs may write to."""

from __future__ import annotations

import itertools
import os

import pytest

from tests.moto_server import moto_server
from tests.plugins.server.runs.stores import PostgreSQLStore, S3Store, SQLiteStore
from tests.s3 import create_bucket
from tests.shared_server import folder_of_the_run

prefixes = (f"runs-{os.getpid()}-{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """
    An S3 server with a bucket.
    """
    with moto_server(folder_of_the_run(tmp_path_factory, "moto-runs")) as server:
        create_bucket(server)
        yield server


@pytest.fixture(params=["s3", "sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def store(request, tmp_path, monkeypatch):
    """
    A storage of each kind, which the settings of a server may name.
    """
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if request.param == "s3":
        return S3Store(request.getfixturevalue("moto"), next(prefixes))
    if request.param == "sqlite":
        return SQLiteStore(tmp_path / "rows.sqlite")
    return PostgreSQLStore(request.getfixturevalue("postgresql"))
