"""S3 servers, and storages that use them."""

from __future__ import annotations

import itertools
import os
from types import SimpleNamespace

import pytest

from budwood_s3_storage import S3StorageSettings
from budwood_s3_storage.storage import S3Storage
from budwood_testing import plugin_context
from tests.fault_proxy import FaultProxy
from tests.moto_server import moto_server
from tests.s3 import Objects, create_bucket, create_client, settings_for
from tests.shared_server import folder_of_the_run
from tests.swift_server import swift_server

prefixes = (f"test-{os.getpid()}-{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """
    A server with conditional requests, and a bucket.
    """
    with moto_server(folder_of_the_run(tmp_path_factory, "moto")) as server:
        create_bucket(server)
        yield server


@pytest.fixture(scope="session")
def swift(tmp_path_factory, shared_folder):
    """
    A server without conditional requests, and a bucket.
    """
    with swift_server(folder_of_the_run(tmp_path_factory, "swift"), shared_folder) as server:
        create_bucket(server)
        yield server


@pytest.fixture
def prefix():
    """
    A prefix that no other test has.
    """
    return next(prefixes)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """
    Servers on loopback are reached directly, and no role of an instance is looked up.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def delays(monkeypatch):
    """
    The seconds between attempts of the client, which does not wait.
    """
    slept = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=slept.append))
    return slept


@pytest.fixture
def proxy(moto, delays):
    """
    A proxy in front of moto.
    """
    with FaultProxy(moto.endpoint) as proxy:
        yield proxy


@pytest.fixture
def make_storage(moto, prefix):
    """
    Make storages for the same output.
    """
    created = []

    def make(**changes):
        created.append(S3Storage(S3StorageSettings(**settings_for(moto, prefix, **changes)), plugin_context("s3")))
        return created[-1]

    yield make
    for storage in created:
        storage.close()


@pytest.fixture
def objects(moto, prefix):
    """
    The objects below the prefix on the server of moto.
    """
    return Objects(create_client(moto), prefix)
