"""Databases of SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from tests.plugins.server.in_process import Gateway
from tests.plugins.server.prompted_gateway import PromptedGateway
from tests.postgresql_server import PostgreSQLServer
from tests.servers import LoopbackServer


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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def fresh_databases(request):
    """
    A function that returns the URL of another empty database, in a folder if it is a file.
    """
    if request.param == "sqlite":
        return lambda folder: f"sqlite:///{folder}/server.sqlite3"
    server = request.getfixturevalue("postgresql")
    return lambda _: server.new_database()


@pytest.fixture
def vendor():
    """
    A server of OpenAI's API, for ``vendor/MODEL``; its replies are scripts of the tests.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def gateway(vendor):
    """
    A gateway to it. The names ``fast`` and ``claude`` are models of APIs of OpenAI and Anthropic, both on that server.
    """
    providers = {
        "vendor": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1", "offers": ["moderation"]},
        "other": {"plugin": "anthropic", "base_url": vendor.url, "api_key": "k"},
    }
    models = {"fast": "vendor/m", "claude": "other/claude-haiku-4-5", "both": ["vendor/m", "other/claude-haiku-4-5"]}
    return Gateway({"providers": providers, "server": {"models": models}, "options": {"retries": 0}})


@pytest.fixture
def prompted(vendor, sqlite_url):
    """
    A gateway with a database, keys and prompts, to the same server.
    """
    with PromptedGateway(vendor, sqlite_url) as running:
        yield running
